package ui

import (
	"net/url"
	"strings"
	"unicode"
)

// readBox reads what one types into the search box, into the parameters of
// /api/logs:
//
//	timeout "connection refused"   words and phrases of the message, all of them
//	service:checkout level:error   fields: service, level, host, trace, text, regex
//	level>=warn                    this level or a more severe one
//	attr.user:42                   an attribute
//	/time(d )?out/                 a regular expression
//	-level:debug -healthz          none of these
//
// "=" does as ":" does, and service!=x as -service:x. Nothing is an error: what is
// no field is a word.
func readBox(text string) url.Values {
	values := url.Values{}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimLeftFunc(rest, unicode.IsSpace) {
		var name, value string
		name, value, rest = nextTerm(rest)
		if value != "" {
			values.Add(name, value)
		}
	}
	return values
}

// boxFields are the names one may type, and their parameters.
var boxFields = map[string]string{
	"service": "service", "level": "level", "host": "host", "trace": paramTrace, "trace_id": paramTrace,
	"text": paramText, "message": paramText, "regex": paramRegex, paramMinLevel: paramMinLevel,
}

// Parameters of /api/logs.
const (
	paramText     = "text"
	paramRegex    = "regex"
	paramTrace    = "trace_id"
	paramMinLevel = "min_level"
	paramAttr     = "attr."
	paramFrom     = "from"
	paramTo       = "to"
	paramCursor   = "cursor"
	paramOrder    = "order"
	paramLimit    = "limit"
	paramLastID   = "last_event_id"

	negated = "!" // ends the name of a parameter that excludes
)

// nextTerm reads one term, and returns its parameter.
func nextTerm(text string) (name, value, rest string) {
	not := ""
	if len(text) > 1 && text[0] == '-' && !unicode.IsSpace(rune(text[1])) {
		not, text = negated, text[1:]
	}
	if pattern, rest, ok := cutPattern(text); ok {
		return paramRegex + not, pattern, rest
	}
	if field, operator, after := cutField(text); field != "" {
		if value, rest := cutWord(after); value != "" {
			switch operator {
			case "!=":
				not = negated
			case ">=":
				return paramMinLevel, value, rest
			}
			if field == paramMinLevel {
				not = ""
			}
			return field + not, value, rest
		}
	}
	value, rest = cutWord(text)
	return paramText + not, value, rest
}

// cutField cuts a field's name and an operator off, if the text begins with such.
func cutField(text string) (field, operator, after string) {
	end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`:=!>"`, r) })
	if end < 1 {
		return "", "", text
	}
	name := text[:end]
	field = boxFields[strings.ToLower(name)]
	if strings.HasPrefix(name, paramAttr) && len(name) > len(paramAttr) {
		field = name
	}
	if field == "" {
		return "", "", text
	}
	for _, operator := range []string{"!=", ">=", ":", "="} {
		after, ok := strings.CutPrefix(text[end:], operator)
		if ok && (operator != ">=" || field == "level") {
			return field, operator, after
		}
	}
	return "", "", text
}

// cutPattern cuts off a regular expression between slashes. The last of them
// stands before a space, or at the end.
func cutPattern(text string) (pattern, rest string, ok bool) {
	if !strings.HasPrefix(text, "/") {
		return "", "", false
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '/' && i > 1 && (i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\t'):
			return strings.ReplaceAll(text[1:i], `\/`, "/"), text[i+1:], true
		}
	}
	return "", "", false
}

// cutWord cuts off a word, or what is between quotes; \" and \\ stand for
// themselves there.
func cutWord(text string) (word, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexFunc(text, unicode.IsSpace)
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:]
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case c == '"':
			return b.String(), text[i+1:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// quoted writes a value so that cutWord reads it.
func quoted(value string) string {
	if value != "" && value[0] != '"' && !strings.ContainsFunc(value, unicode.IsSpace) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
