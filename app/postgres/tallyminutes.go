package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// minuteSource counts in the minutes' counts, which know levels and services,
// and in the rows at the two ends of a range that are no whole minutes.
type minuteSource struct {
	filter   app.Filter // of the whole minutes
	from     time.Time  // where the range begins
	ends     []rowSource
	services bool // the counts tell services apart
	rows     rowSource
}

// newMinuteSource returns nil for a filter by more than time, level and service,
// and for a range without a whole minute.
func newMinuteSource(ctx context.Context, tx pgx.Tx, f app.Filter) (source, error) {
	begin, end := f.From.Add(time.Minute-1).Truncate(time.Minute), f.To.Truncate(time.Minute)
	if !begin.Before(end) || !onlyCounted(f) {
		return nil, nil
	}
	s := &minuteSource{filter: f, from: f.From, rows: rowSource{filter: f}}
	s.filter.From, s.filter.To = begin, end
	if f.From.Before(begin) {
		first := f
		first.To = begin
		s.ends = append(s.ends, rowSource{filter: first})
	}
	if end.Before(f.To) {
		last := f
		last.From = end
		s.ends = append(s.ends, rowSource{filter: last})
	}
	var mixed bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM log_counts WHERE minute >= $1 AND minute < $2 AND service IS NULL)", begin, end).Scan(&mixed)
	if err != nil {
		return nil, err
	}
	s.services = !mixed
	if mixed && len(f.Services)+len(f.NotServices) > 0 {
		return nil, nil
	}
	return s, nil
}

// onlyCounted tells whether the minutes' counts have all that a filter wants to
// know.
func onlyCounted(f app.Filter) bool {
	rest := f
	rest.From, rest.To, rest.Levels, rest.NotLevels, rest.Services, rest.NotServices = time.Time{}, time.Time{}, nil, nil, nil, nil
	return rest.Key() == app.Filter{}.Key()
}

// counts tells whether the minutes' counts know what to count by.
func (s *minuteSource) counts(by grouping) bool {
	known := by.field == "" || by.field == app.FieldLevel || by.field == app.FieldService && s.services
	return known && by.step%time.Minute == 0 && (by.step == 0 || s.from.Equal(s.filter.From))
}

func (s *minuteSource) tally(ctx context.Context, tx pgx.Tx, by grouping) (tallies, error) {
	if !s.counts(by) {
		return s.rows.tally(ctx, tx, by)
	}
	var c conditions
	statement := s.statement(&c, by, "log_counts", "minute", "sum(count)", s.filter)
	for _, end := range s.ends {
		statement += " UNION ALL " + s.statement(&c, by, "logs", "time", "count(*)", end.filter)
	}
	statement = "SELECT bucket, value, sum(n)::bigint FROM (" + statement + ") AS part (bucket, value, n) GROUP BY 1, 2"
	return readTallies(ctx, tx, limited(statement, &c, by), c.args)
}

// statement counts in one table, whose times are in a column.
func (s *minuteSource) statement(c *conditions, by grouping, table, column, number string, f app.Filter) string {
	where := conditions{args: c.args}
	bucket := where.bucketOf(column, s.from, by.step)
	value := where.value(by.field)
	if by.only != nil {
		value = "CASE WHEN " + value + " = ANY(" + where.arg(by.only) + ") THEN " + value + " END"
	}
	if table == "logs" {
		where.filter(f)
	} else {
		where.add(column+" >= ? AND "+column+" < ?", f.From, f.To)
		f.From, f.To = time.Time{}, time.Time{}
		where.filter(f)
	}
	c.args = where.args
	return "SELECT " + bucket + ", " + value + ", " + number + " FROM " + table + where.clause() + " GROUP BY 1, 2"
}

func (s *minuteSource) distinct(ctx context.Context, tx pgx.Tx, field, by app.Field, values []string) (int64, map[string]int64, error) {
	return s.rows.distinct(ctx, tx, field, by, values)
}
