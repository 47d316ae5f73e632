package app

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Matcher tells of a log in hand whether a filter wants it, as the store does
// of those it keeps. Safe for concurrent use.
type Matcher struct {
	filter        Filter
	texts, not    []string // in lower case
	patterns, nor []*regexp.Regexp
}

// NewMatcher returns the filter's matcher, or an Error of KindInvalid when a
// pattern is no regular expression.
func NewMatcher(f Filter) (*Matcher, error) {
	m := &Matcher{filter: f, texts: lower(f.Texts), not: lower(f.NotTexts)}
	var err error
	if m.patterns, err = compile(f.Patterns); err != nil {
		return nil, err
	}
	m.nor, err = compile(f.NotPatterns)
	return m, err
}

// Matches tells whether the filter wants the log.
func (m *Matcher) Matches(log *Log) bool {
	f := &m.filter
	return (f.From.IsZero() || !log.Time.Before(f.From)) &&
		(f.To.IsZero() || log.Time.Before(f.To)) &&
		chosen(log.Level, f.Levels, f.NotLevels) &&
		chosen(log.Service, f.Services, f.NotServices) &&
		chosen(log.Host, f.Hosts, f.NotHosts) &&
		chosen(log.TraceID, f.TraceIDs, f.NotTraceIDs) &&
		m.matchesText(log.Message) &&
		m.MatchesPatterns(log.Message) &&
		m.matchesAttributes(log.Attributes)
}

// HasPatterns tells whether MatchesPatterns can be false.
func (m *Matcher) HasPatterns() bool { return len(m.patterns)+len(m.nor) > 0 }

// MatchesPatterns tells whether a message is as the filter's regular
// expressions want it.
func (m *Matcher) MatchesPatterns(message string) bool {
	for _, p := range m.patterns {
		if !p.MatchString(message) {
			return false
		}
	}
	for _, p := range m.nor {
		if p.MatchString(message) {
			return false
		}
	}
	return true
}

func (m *Matcher) matchesText(message string) bool {
	if len(m.texts)+len(m.not) == 0 {
		return true
	}
	message = strings.ToLower(message)
	in := func(text string) bool { return strings.Contains(message, text) }
	for _, text := range m.texts {
		if !in(text) {
			return false
		}
	}
	return !slices.ContainsFunc(m.not, in)
}

func (m *Matcher) matchesAttributes(attributes json.RawMessage) bool {
	if len(m.filter.Attributes) == 0 {
		return true
	}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(attributes))
	decoder.UseNumber()
	_ = decoder.Decode(&object) // what is no object has no attributes
	for _, a := range m.filter.Attributes {
		has := slices.ContainsFunc(a.Values, func(value string) bool { return hasAttribute(object, a.Name, value) })
		if has == a.Not {
			return false
		}
	}
	return true
}

// hasAttribute looks for a value in all places that a name with dots may mean.
func hasAttribute(object map[string]any, name, value string) bool {
	if found, ok := object[name]; ok && equalsScalar(found, value) {
		return true
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if inner, ok := object[name[:i]].(map[string]any); ok && hasAttribute(inner, name[i+1:], value) {
			return true
		}
	}
	return false
}

func equalsScalar(found any, value string) bool {
	switch found := found.(type) {
	case string:
		return found == value
	case json.Number:
		return IsNumber(value) && decimalOf(found.String()) == decimalOf(value)
	case bool:
		return found && value == "true" || !found && value == "false"
	case nil:
		return value == "null"
	default:
		return false
	}
}

func chosen[T comparable](value T, any, none []T) bool {
	return (len(any) == 0 || slices.Contains(any, value)) && !slices.Contains(none, value)
}

func lower(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = strings.ToLower(text)
	}
	return out
}

func compile(patterns []string) ([]*regexp.Regexp, error) {
	compiled := make([]*regexp.Regexp, len(patterns))
	for i, pattern := range patterns {
		var err error
		if compiled[i], err = regexp.Compile(pattern); err != nil {
			return nil, Errorf(KindInvalid, "%q is no regular expression: %w", pattern, err)
		}
	}
	return compiled, nil
}
