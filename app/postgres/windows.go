package postgres

import (
	"context"
	"slices"
	"time"

	"millrace/app"
)

const (
	firstWindow = 8   // runs that are read at first
	lastWindow  = 256 // runs that are read at once
)

// slice is the time whose rows are read at once, out of the runs that reach into
// it. It begins where the one before ended, in the order of reading.
type slice struct {
	ascending  bool
	begin, end *time.Time // nil: without bound
}

// inRuns reads out of the runs whose signatures allow that they have what is
// looked for. It goes through time slice by slice: the runs are in the order in
// which they begin, so that no later run has a row in a slice that ends where it
// begins.
func (f filling) inRuns(ctx context.Context, query app.Query, runs []candidate) error {
	s := slice{ascending: ascending(query)}
	var open []candidate // runs that reach beyond the slices so far
	for size := firstWindow; len(runs) > 0 || len(open) > 0; size = min(2*size, lastWindow) {
		taken := min(size, len(runs))
		open, runs = append(open, runs[:taken]...), runs[taken:]
		if s.end = nil; len(runs) > 0 {
			s.end = runs[0].begin(s.ascending)
			if s.begin != nil && s.end.Equal(*s.begin) {
				continue // many runs begin at one moment
			}
		}
		if err := f.inSlice(ctx, query, open, s); err != nil || f.full || s.end == nil {
			return err
		}
		s.begin = s.end
		open = slices.DeleteFunc(open, func(c candidate) bool { return !s.reachedBy(c) })
	}
	return nil
}

// begin is where a run begins, in the order of reading.
func (c candidate) begin(ascending bool) *time.Time {
	if ascending {
		return &c.first
	}
	return &c.last
}

// reachedBy tells whether a run has anything beyond the slice's end.
func (s slice) reachedBy(c candidate) bool {
	if s.ascending {
		return !c.last.Before(*s.end)
	}
	return !c.first.After(*s.end)
}

// inSlice reads out of a slice of the runs that reach into it.
func (f filling) inSlice(ctx context.Context, query app.Query, runs []candidate, s slice) error {
	var where conditions
	from := where.within(runs)
	where.filter(query.Filter)
	where.place(query)
	// What is at a slice's own end belongs to the next.
	switch {
	case s.ascending && s.begin != nil:
		where.add("time >= ?", *s.begin)
	case s.begin != nil:
		where.add("time <= ?", *s.begin)
	}
	switch {
	case s.ascending && s.end != nil:
		where.add("time < ?", *s.end)
	case s.end != nil:
		where.add("time > ?", *s.end)
	}
	order := orderOf(s.ascending)
	statement := "SELECT logs.* FROM " + from + where.clause() + order
	if !f.matcher.HasPatterns() {
		statement += " LIMIT " + where.arg(f.wanted())
	}
	_, _, err := f.read(ctx, "SELECT "+logColumns+" FROM ("+statement+") page"+order, where.args)
	return err
}

// fromPlace narrows a filter to what lies behind the query's place.
func fromPlace(query app.Query) app.Filter {
	f := query.Filter
	switch {
	case query.At == nil:
	case ascending(query):
		if f.From.Before(query.At.Time) {
			f.From = query.At.Time
		}
	default:
		if end := query.At.Time.Add(time.Microsecond); f.To.IsZero() || end.Before(f.To) {
			f.To = end
		}
	}
	return f
}
