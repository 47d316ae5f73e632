package ledger

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// params reads query parameters and collects all that is wrong with them.
type params struct {
	values url.Values
	wrong  []error
}

// newParams reads the parameters, which must be among the known and given once.
func newParams(c echo.Context, known ...string) *params {
	p := &params{}
	var err error
	if p.values, err = url.ParseQuery(c.Request().URL.RawQuery); err != nil {
		p.fail("", "the query string cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		value := p.values.Get(name)
		switch {
		case len(known) == 0:
			p.fail(name, "%s is no parameter of this endpoint: it has none", name)
		case !slices.Contains(known, name):
			p.fail(name, "%s is no parameter of this endpoint: it has %s", name, strings.Join(known, ", "))
		case len(p.values[name]) > 1:
			p.fail(name, "%s is given %d times: give it once", name, len(p.values[name]))
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			p.fail(name, "%s must be UTF-8 without NUL", name)
		}
	}
	return p
}

func (p *params) fail(field, format string, args ...any) {
	err := app.Errorf(app.KindInvalid, format, args...)
	err.Field = field
	p.wrong = append(p.wrong, err)
}

func (p *params) err() error { return errors.Join(p.wrong...) }

func (p *params) text(name string) string { return p.values.Get(name) }

func (p *params) moment(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	// A "+" that was not escaped arrives as a space.
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil || t.Year() < 1970 || t.Year() >= 2262 {
		p.fail(name, "%s is %q: want a time as 2026-01-31T12:00:00Z", name, text)
	}
	return t
}

// settle reads how long a number may be missing before it counts as a gap.
func (p *params) settle() time.Duration {
	text := p.text("settle")
	if text == "" {
		return app.DefaultSettle
	}
	settle, err := time.ParseDuration(text)
	if err != nil || settle < 0 {
		p.fail("settle", "settle is %q: want a time such as 30s, or 0s", text)
	}
	return settle
}

func (p *params) limit() int {
	text := p.text("limit")
	if text == "" {
		return app.DefaultLimit
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > app.MaxLimit {
		p.fail("limit", "limit is %q: want a number from 1 to %d", text, app.MaxLimit)
	}
	return limit
}

func (p *params) cursor() *app.BatchCursor {
	text := p.text("cursor")
	if text == "" {
		return nil
	}
	cursor, err := app.ParseBatchCursor(text)
	if err != nil {
		p.wrong = append(p.wrong, err)
	}
	return cursor
}
