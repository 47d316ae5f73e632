package openapi

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Schema is what a value must be.
type Schema struct {
	Type      string // string, integer or array
	Format    string
	Enum      []string
	Example   string
	Default   string
	Minimum   *int64
	Maximum   *int64
	MaxLength int // characters; 0: any
	MaxItems  int // 0: any
	Items     *Schema

	pattern *regexp.Regexp
}

// Format reads a value of a format that the document names; the error says
// what would be right, as "want a time such as 30s".
type Format func(value string) error

// ownFormats are those that parameters of all endpoints may have.
var ownFormats = map[string]Format{
	"moment": func(value string) error { _, _, err := Moment(value, time.Now()); return err },
}

func newSchema(s rawSchema, resolve func(rawSchema) (*Schema, error)) (*Schema, error) {
	schema := &Schema{
		Type: s.Type, Format: s.Format, Enum: s.Enum, Minimum: s.Minimum, Maximum: s.Maximum, MaxLength: s.MaxLength, MaxItems: s.MaxItems,
	}
	if s.Example != nil {
		schema.Example = fmt.Sprint(s.Example)
	}
	if s.Default != nil {
		schema.Default = fmt.Sprint(s.Default)
	}
	var err error
	if s.Pattern != "" {
		if schema.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return nil, err
		}
	}
	if s.Items != nil {
		if schema.Items, err = resolve(*s.Items); err != nil {
			return nil, err
		}
	}
	switch s.Type {
	case typeString, typeInteger:
		return schema, nil
	case typeArray:
		if schema.Items != nil {
			return schema, nil
		}
	}
	return nil, fmt.Errorf("a parameter of type %q cannot be checked", s.Type)
}

const (
	typeString  = "string"
	typeInteger = "integer"
	typeArray   = "array"
)

// check returns what is wrong with one value.
func (s *Schema) check(value string, formats map[string]Format) error {
	switch {
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return errors.New("want UTF-8 without NUL")
	case s.MaxLength > 0 && utf8.RuneCountInString(value) > s.MaxLength:
		return fmt.Errorf("want at most %d characters", s.MaxLength)
	case s.Type == typeInteger:
		return s.checkInteger(value)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, value):
		return fmt.Errorf("want %s", or(s.Enum))
	}
	for _, known := range []map[string]Format{formats, ownFormats} {
		if format := known[s.Format]; format != nil {
			return format(value)
		}
	}
	if s.pattern != nil && !s.pattern.MatchString(value) {
		if s.Example != "" {
			return fmt.Errorf("want something like %s", s.Example)
		}
		return fmt.Errorf("want what %s matches", s.pattern)
	}
	return nil
}

func (s *Schema) checkInteger(value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	inside := err == nil && (s.Minimum == nil || n >= *s.Minimum) && (s.Maximum == nil || n <= *s.Maximum)
	switch {
	case inside && strconv.FormatInt(n, 10) == value:
		return nil
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Errorf("want a number from %d to %d", *s.Minimum, *s.Maximum)
	case s.Minimum != nil:
		return fmt.Errorf("want a number, %d or more", *s.Minimum)
	default:
		return errors.New("want a whole number")
	}
}

// or joins alternatives: "a, b or c".
func or(values []string) string {
	last := len(values) - 1
	if last < 1 {
		return strings.Join(values, "")
	}
	return strings.Join(values[:last], ", ") + " or " + values[last]
}
