package query

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"millrace/app"
	"millrace/http/openapi"
)

const (
	// attributePrefix begins the parameters that are filters by attributes.
	attributePrefix = "attr."
	// negation ends the names of filters that exclude.
	negation = "!"
	// maxAttributeName is in bytes.
	maxAttributeName = 200
)

// ReadFilter reads the filters of a request that openapi.Document.Check has let
// pass with Formats. Its error, of KindInvalid, names what of it contradicts
// itself.
func ReadFilter(ctx context.Context) (app.Filter, error) {
	r := newReader(ctx, "")
	f := r.filter()
	return f, r.err()
}

// reader reads filters, each known to be right by itself, and collects what does
// not go together.
type reader struct {
	values url.Values
	at     anchor // what relative times are relative to
	cursor string // without its anchor
	wrong  openapi.Wrong
}

// newReader returns a reader of the request's parameters. The anchor is the
// cursor's, or now.
func newReader(ctx context.Context, cursor string) *reader {
	r := &reader{values: openapi.Values(ctx)}
	r.cursor, r.at = splitCursor(cursor, time.Now())
	return r
}

func (r *reader) err() error { return r.wrong.Err() }

func (r *reader) filter() app.Filter {
	f := app.Filter{
		From: r.moment("from"), To: r.moment("to"),
		NotLevels: r.levels("level" + negation),
		Services:  r.names("service"), NotServices: r.names("service" + negation),
		Hosts: r.names("host"), NotHosts: r.names("host" + negation),
		TraceIDs: r.ids("trace_id"), NotTraceIDs: r.ids("trace_id" + negation),
		Texts: r.names("text"), NotTexts: r.names("text" + negation),
		Patterns: r.names("regex"), NotPatterns: r.names("regex" + negation),
		Attributes: r.attributes(),
	}
	f.Levels = r.wantedLevels()
	if also := r.names("q"); len(also) > 0 {
		if len(f.Texts) > 0 {
			r.wrong.Add("q", "q and text are the same: give one of them")
		}
		f.Texts = also
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		r.wrong.Add("to", "to is not after from: nothing can lie between them")
	}
	return f
}

// moment reads a time, which was found to be one.
func (r *reader) moment(name string) time.Time {
	text := r.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, relative, err := openapi.Moment(text, r.at.now)
	if err != nil { // it was right a moment ago, but reaches beyond the beginning of a cursor's time
		r.wrong.Add(name, "%s is %q: %w", name, text, err)
	}
	r.at.used = r.at.used || relative
	return t
}

// names returns a parameter's values in order, each once: the search is the same
// in whatever order they were given.
func (r *reader) names(name string) []string {
	return sorted(slices.Clone(r.values[name]))
}

// ids returns ids as they are stored.
func (r *reader) ids(name string) []string {
	ids := slices.Clone(r.values[name])
	for i := range ids {
		ids[i] = strings.ToLower(ids[i])
	}
	return sorted(ids)
}

func (r *reader) levels(name string) (found []app.Level) {
	for _, value := range r.values[name] {
		some, _ := levels(value) // they were checked
		found = append(found, some...)
	}
	return sorted(found)
}

// wantedLevels reads level, any of several, or min_level, that one and above.
func (r *reader) wantedLevels() []app.Level {
	wanted := r.levels("level")
	least := r.values.Get("min_level")
	if least == "" {
		return wanted
	}
	if len(wanted) > 0 {
		r.wrong.Add("min_level", "min_level and level exclude each other: give one of them")
	}
	first, _ := level(least)
	for l := first; l <= app.LevelFatal; l++ {
		wanted = append(wanted, l)
	}
	return sorted(wanted)
}

// attributes reads the filters attr.NAME and attr.NAME!, by name.
func (r *reader) attributes() (filters []app.AttributeFilter) {
	for _, parameter := range slices.Sorted(maps.Keys(r.values)) {
		name, ok := strings.CutPrefix(parameter, attributePrefix)
		if !ok {
			continue
		}
		name, not := strings.CutSuffix(name, negation)
		switch {
		case name == "" || len(name) > maxAttributeName || !utf8.ValidString(name) || strings.ContainsRune(name, 0):
			r.wrong.Add(parameter, "attr.NAME wants a name of 1 to %d bytes, UTF-8 without NUL", maxAttributeName)
		case strings.Count(name, ".") > app.MaxAttributeDots:
			r.wrong.Add(parameter, "attr.NAME has at most %d dots", app.MaxAttributeDots)
		default:
			filters = append(filters, app.AttributeFilter{Name: name, Values: r.names(parameter), Not: not})
		}
	}
	return filters
}

// sorted puts values that are alternatives into one order, each once.
func sorted[T cmp.Ordered](values []T) []T {
	slices.Sort(values)
	return slices.Compact(values)
}
