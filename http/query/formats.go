package query

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"millrace/app"
	"millrace/http/openapi"
)

// Formats are the formats of parameters in openapi.yaml that searches have.
func Formats() map[string]openapi.Format {
	return map[string]openapi.Format{
		"level":  func(value string) error { _, err := level(value); return err },
		"levels": func(value string) error { _, err := levels(value); return err },
		"regex":  regex,
		"field":  field,
		"step":   func(value string) error { _, err := step(value); return err },
	}
}

var errNoLevel = errors.New("want TRACE, DEBUG, INFO, WARN, ERROR or FATAL")

func level(name string) (app.Level, error) {
	level, ok := app.ParseLevel(strings.TrimSpace(name))
	if !ok {
		return 0, errNoLevel
	}
	return level, nil
}

// levels reads names apart by commas.
func levels(names string) (found []app.Level, err error) {
	for name := range strings.SplitSeq(names, ",") {
		l, err := level(name)
		if err != nil {
			return nil, err
		}
		found = append(found, l)
	}
	return found, nil
}

func regex(pattern string) error {
	if _, err := regexp.Compile(pattern); err != nil {
		return fmt.Errorf("want a regular expression as RE2 has them (%w)", err)
	}
	return nil
}

func field(name string) error {
	if !app.Field(name).Known() {
		return fmt.Errorf("want level, service, host or attr.NAME, with at most %d dots in NAME", app.MaxAttributeDots)
	}
	return nil
}

var errNoStep = errors.New("want a time from 1s to 366d, as 10s, 5m, 2h or 1d")

const maxStep = 366 * 24 * time.Hour

// stepForm is a step as the document has it.
var stepForm = regexp.MustCompile(`^[1-9][0-9]{0,5}[smhd]$`)

// step reads how long a bucket is.
func step(text string) (time.Duration, error) {
	d, err := openapi.Span(text)
	if err != nil || d > maxStep || !stepForm.MatchString(text) {
		return 0, errNoStep
	}
	return d, nil
}
