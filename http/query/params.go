package query

import (
	"cmp"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"millrace/app"
)

const (
	maxValues = 100  // of one parameter
	maxText   = 1000 // bytes of one value
)

// params reads query parameters and collects all that is wrong with them.
// Every method takes the parameters it reads, and what is left in the end is
// unknown.
type params struct {
	values url.Values
	known  []string
	wrong  []error
}

func newParams(rawQuery string) *params {
	p := &params{}
	var err error
	if p.values, err = url.ParseQuery(rawQuery); err != nil {
		p.fail("", "the query string cannot be read: %w", err)
	}
	return p
}

func (p *params) fail(field, format string, args ...any) {
	err := app.Errorf(app.KindInvalid, format, args...)
	err.Field = field
	p.wrong = append(p.wrong, err)
}

// err returns all that is wrong, joined: parameters that nobody took, too.
func (p *params) err() error {
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		p.fail(name, "%s is no parameter of this endpoint: it has %s", name, strings.Join(p.known, ", "))
	}
	return errors.Join(p.wrong...)
}

// all takes a parameter's values. Empty ones are as if they were not there.
func (p *params) all(name string) []string {
	values := slices.DeleteFunc(p.values[name], func(v string) bool { return v == "" })
	delete(p.values, name)
	p.known = append(p.known, name)
	if len(values) > maxValues {
		p.fail(name, "%s is given %d times: %d are the most", name, len(values), maxValues)
		return nil
	}
	for _, v := range values {
		if len(v) > maxText || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			p.fail(name, "%s must be UTF-8 without NUL, of at most %d bytes", name, maxText)
			return nil
		}
	}
	return values
}

// one takes a parameter that can be given once.
func (p *params) one(name string) string {
	values := p.all(name)
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	default:
		p.fail(name, "%s is given %d times: give it once", name, len(values))
		return ""
	}
}

func (p *params) limit() int {
	text := p.one("limit")
	if text == "" {
		return app.DefaultLimit
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > app.MaxLimit {
		p.fail("limit", "limit is %q: want a number from 1 to %d", text, app.MaxLimit)
	}
	return limit
}

// query takes all parameters of a listing. The anchor is the cursor's, or now.
func (p *params) query(now time.Time) (app.Query, anchor) {
	cursor, at := splitCursor(p.one("cursor"), now)
	var q app.Query
	q.From = p.moment("from", &at)
	q.To = p.moment("to", &at)
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		p.fail("to", "to is not after from: nothing can lie between them")
	}
	q.Levels = p.levels()
	q.Services = sorted(p.all("service"))
	q.Hosts = sorted(p.all("host"))
	q.Text = p.text()
	q.Limit = p.limit()
	q.OldestFirst = p.oldestFirst()
	if cursor != "" && len(p.wrong) == 0 {
		var err error
		if q.At, err = app.ParseCursor(cursor, q); err != nil {
			p.wrong = append(p.wrong, err)
		}
	}
	return q, at
}

func (p *params) moment(name string, at *anchor) time.Time {
	text := p.one(name)
	if text == "" {
		return time.Time{}
	}
	t, relative, err := moment(text, at.now)
	if err != nil {
		p.fail(name, "%s is %q: %w", name, text, err)
	}
	at.used = at.used || relative
	return t
}

// levels takes level, any of several, or min_level, that one and above.
func (p *params) levels() []app.Level {
	var levels []app.Level
	for _, value := range p.all("level") {
		for name := range strings.SplitSeq(value, ",") {
			levels = append(levels, p.level("level", name))
		}
	}
	least := p.one("min_level")
	if least == "" {
		return sorted(levels)
	}
	if len(levels) > 0 {
		p.fail("min_level", "min_level and level exclude each other: give one of them")
	}
	for l := p.level("min_level", least); l <= app.LevelFatal; l++ {
		levels = append(levels, l)
	}
	return levels
}

func (p *params) level(field, name string) app.Level {
	level, ok := app.ParseLevel(strings.TrimSpace(name))
	if !ok {
		p.fail(field, "%s is %q: want TRACE, DEBUG, INFO, WARN, ERROR or FATAL", field, name)
	}
	return level
}

// text takes text, or q, which is the same.
func (p *params) text() string {
	text, q := p.one("text"), p.one("q")
	if text != "" && q != "" {
		p.fail("q", "q and text are the same: give one of them")
	}
	return text + q
}

func (p *params) oldestFirst() bool {
	switch text := p.one("order"); text {
	case "", "newest":
		return false
	case "oldest":
		return true
	default:
		p.fail("order", "order is %q: want newest or oldest", text)
		return false
	}
}

// sorted puts values that are alternatives into one order, each once: the
// listing is the same in whatever order they were given.
func sorted[T cmp.Ordered](values []T) []T {
	slices.Sort(values)
	return slices.Compact(values)
}
