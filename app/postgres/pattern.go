package postgres

import (
	"regexp/syntax"
	"strings"
)

// literal is a text that every match of a regular expression contains.
type literal struct {
	text   string
	folded bool // whatever its case
}

func (l literal) operator() string {
	if l.folded {
		return "ILIKE"
	}
	return "LIKE"
}

// minLiteral is the shortest literal that is worth looking for, in bytes: a
// trigram.
const minLiteral = 3

// literals returns the texts without which a pattern cannot match: PostgreSQL
// goes by them, and by its indexes, before the pattern itself is tried.
func literals(pattern string) []literal {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	return needed(parsed.Simplify(), nil)
}

func needed(re *syntax.Regexp, found []literal) []literal {
	switch re.Op {
	case syntax.OpLiteral:
		return literalsOf(re, found)
	case syntax.OpConcat:
		for _, part := range re.Sub {
			found = needed(part, found)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0], found)
	}
	return found
}

func literalsOf(re *syntax.Regexp, found []literal) []literal {
	text := string(re.Rune)
	folded := re.Flags&syntax.FoldCase != 0
	pieces := []string{text}
	if folded {
		// Of some letters PostgreSQL, by its locale, knows other cases than Go.
		pieces = strings.FieldsFunc(text, func(r rune) bool { return r > '~' || strings.ContainsRune("kKsS", r) })
	}
	for _, piece := range pieces {
		if len(piece) >= minLiteral && storable(piece) {
			found = append(found, literal{piece, folded})
		}
	}
	return found
}
