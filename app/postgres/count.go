package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// Counter counts logs. It implements app.LogCounter.
type Counter struct{ db *DB }

// Counter returns what counts.
func (db *DB) Counter() *Counter { return &Counter{db: db} }

// tallies are counts by bucket and value, which every question is answered
// from.
type tallies struct {
	rows []tally
}

// tally is how many logs of a bucket have a value.
type tally struct {
	bucket  int64 // which, from the beginning of the range
	value   string
	present bool // the log has the field
	count   int64
}

// Histogram implements app.LogCounter.
func (c *Counter) Histogram(ctx context.Context, query app.HistogramQuery) (app.Histogram, error) {
	out := newHistogram(query)
	if !findable(query.Filter) {
		return out, nil
	}
	err := c.read(ctx, query.Filter, func(tx pgx.Tx, source source) error {
		top, err := topValues(ctx, tx, source, query)
		if err != nil {
			return err
		}
		counted, err := source.tally(ctx, tx, grouping{field: query.By, step: query.Step, only: top})
		if err != nil {
			return err
		}
		fillHistogram(&out, query, counted)
		return nil
	})
	return out, err
}

// topValues returns the values that a histogram counts apart, or nil for all:
// there are few levels.
func topValues(ctx context.Context, tx pgx.Tx, source source, query app.HistogramQuery) ([]string, error) {
	if query.By == "" || query.By == app.FieldLevel {
		return nil, nil
	}
	counted, err := source.tally(ctx, tx, grouping{field: query.By, limit: app.MaxValues})
	top := []string{}
	for _, t := range counted.rows {
		if t.present {
			top = append(top, t.value)
		}
	}
	return top, err
}

func newHistogram(query app.HistogramQuery) app.Histogram {
	out := app.Histogram{From: query.From, To: query.To, Step: int64(query.Step / time.Second), By: query.By, Values: []string{}, Buckets: []app.Bucket{}}
	for at := query.From; at.Before(query.To); at = at.Add(query.Step) {
		out.Buckets = append(out.Buckets, app.Bucket{Time: at})
	}
	return out
}

func fillHistogram(out *app.Histogram, query app.HistogramQuery, counted tallies) {
	totals := map[string]int64{}
	for _, t := range counted.rows {
		if t.bucket < 0 || t.bucket >= int64(len(out.Buckets)) {
			continue // beside the range by less than a microsecond
		}
		bucket := &out.Buckets[t.bucket]
		bucket.Count += t.count
		out.Total += t.count
		if query.By == "" || !t.present {
			continue
		}
		if bucket.Counts == nil {
			bucket.Counts = map[string]int64{}
		}
		bucket.Counts[t.value] += t.count
		totals[t.value] += t.count
	}
	for value := range totals {
		out.Values = append(out.Values, value)
	}
	slices.SortFunc(out.Values, func(a, b string) int {
		if query.By == app.FieldLevel {
			return cmp.Or(cmp.Compare(levelNumber(a), levelNumber(b)), cmp.Compare(a, b))
		}
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
}

func levelNumber(name string) app.Level {
	level, _ := app.ParseLevel(name)
	return level
}

// Facets implements app.LogCounter.
func (c *Counter) Facets(ctx context.Context, query app.FacetQuery) (app.Facets, error) {
	out := app.Facets{From: query.From, To: query.To, Facets: []app.Facet{}}
	for _, field := range query.Fields {
		out.Facets = append(out.Facets, app.Facet{Field: field, Values: []app.ValueCount{}})
	}
	if !findable(query.Filter) {
		return out, nil
	}
	err := c.read(ctx, query.Filter, func(tx pgx.Tx, source source) error {
		for i := range out.Facets {
			facet := &out.Facets[i]
			counted, err := source.tally(ctx, tx, grouping{field: facet.Field, limit: query.Limit})
			if err != nil {
				return err
			}
			out.Total = counted.total()
			fillFacet(facet, counted)
		}
		return nil
	})
	return out, err
}

func fillFacet(facet *app.Facet, counted tallies) {
	for _, t := range counted.rows {
		switch {
		case t.bucket == othersBucket:
			facet.Other = t.count
		case !t.present:
			facet.Missing = t.count
		default:
			facet.Values = append(facet.Values, app.ValueCount{Value: t.value, Count: t.count})
		}
	}
}

// Stats implements app.LogCounter.
func (c *Counter) Stats(ctx context.Context, query app.StatsQuery) (app.Stats, error) {
	out := app.Stats{From: query.From, To: query.To, Groups: []app.Group{}}
	if query.Distinct != "" {
		out.Distinct = new(int64)
	}
	if !findable(query.Filter) {
		return out, nil
	}
	seconds := query.To.Sub(query.From).Seconds()
	err := c.read(ctx, query.Filter, func(tx pgx.Tx, source source) error {
		counted, err := source.tally(ctx, tx, grouping{field: query.By, limit: query.Limit})
		if err != nil {
			return err
		}
		out.Count = counted.total()
		out.Rate = float64(out.Count) / seconds
		var values []string
		for _, t := range counted.rows {
			if query.By != "" && t.present && t.bucket != othersBucket {
				out.Groups = append(out.Groups, app.Group{Value: t.value, Count: t.count, Rate: float64(t.count) / seconds})
				values = append(values, t.value)
			}
		}
		if query.Distinct == "" {
			return nil
		}
		all, each, err := source.distinct(ctx, tx, query.Distinct, query.By, values)
		if err != nil {
			return err
		}
		out.Distinct = &all
		for i := range out.Groups {
			n := each[out.Groups[i].Value]
			out.Groups[i].Distinct = &n
		}
		return nil
	})
	return out, err
}

// total is how many logs were counted.
func (t tallies) total() (n int64) {
	for _, row := range t.rows {
		n += row.count
	}
	return n
}

// read asks questions in one state of the database.
func (c *Counter) read(ctx context.Context, f app.Filter, ask func(pgx.Tx, source) error) error {
	return classify(ctx, pgx.BeginTxFunc(ctx, c.db.pool, oneMoment, func(tx pgx.Tx) error {
		source, err := newSource(ctx, tx, f)
		if err != nil {
			return err
		}
		return ask(tx, source)
	}))
}
