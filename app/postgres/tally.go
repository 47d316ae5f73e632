package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// source is something that logs can be counted in.
type source interface {
	// tally counts by bucket and value.
	tally(ctx context.Context, tx pgx.Tx, by grouping) (tallies, error)
	// distinct counts the different values of a field, in all and for each of
	// some values of another.
	distinct(ctx context.Context, tx pgx.Tx, field, by app.Field, values []string) (int64, map[string]int64, error)
}

// grouping says by what to count.
type grouping struct {
	field app.Field     // or empty
	step  time.Duration // of the buckets; 0: all in one
	only  []string      // with step: the values to tell apart; nil: all
	limit int           // without step: the most frequent values to tell apart, the others in one tally of othersBucket; 0: all
}

// othersBucket marks the tally of the values that are not told apart.
const othersBucket = -1

// source returns where to count what a filter wants, or nil when nothing can be
// there.
func newSource(ctx context.Context, tx pgx.Tx, f app.Filter) (source, error) {
	matcher, err := app.NewMatcher(f)
	if err != nil {
		return nil, err
	}
	if matcher.HasPatterns() {
		return &walkSource{filter: f, matcher: matcher}, nil
	}
	if counted, err := newMinuteSource(ctx, tx, f); counted != nil || err != nil {
		return counted, err
	}
	runs, err := worthwhile(ctx, tx, f, true)
	return &rowSource{filter: f, runs: runs}, err
}

// rowSource counts the rows themselves.
type rowSource struct {
	filter app.Filter
	runs   []candidate // that have all of them; nil: anywhere
}

// from returns where the rows are.
func (s *rowSource) from(c *conditions) string {
	if s.runs == nil {
		return "logs"
	}
	return c.within(s.runs)
}

func (s *rowSource) tally(ctx context.Context, tx pgx.Tx, by grouping) (tallies, error) {
	var where conditions
	bucket := where.bucket(s.filter.From, by.step)
	value := where.value(by.field)
	if by.only != nil {
		value = "CASE WHEN " + value + " = ANY(" + where.arg(by.only) + ") THEN " + value + " END"
	}
	from := s.from(&where)
	where.filter(s.filter)
	statement := "SELECT " + bucket + ", " + value + ", count(*) FROM " + from + where.clause() + " GROUP BY 1, 2"
	return readTallies(ctx, tx, limited(statement, &where, by), where.args)
}

// limited keeps the most frequent values of a statement of bucket, value and
// count, and sums the others up.
func limited(statement string, c *conditions, by grouping) string {
	if by.limit == 0 {
		return statement
	}
	return `SELECT CASE WHEN place > ` + c.arg(by.limit) + ` AND value IS NOT NULL THEN -1 ELSE 0 END, CASE WHEN place <= ` + c.arg(by.limit) + ` THEN value END, sum(n)::bigint
		FROM (SELECT value, n, row_number() OVER (ORDER BY value IS NULL, n DESC, value) AS place FROM (` + statement + `) AS counted (bucket, value, n)) AS ranked
		GROUP BY 1, 2 ORDER BY 3 DESC, 2`
}

func readTallies(ctx context.Context, tx pgx.Tx, statement string, args []any) (out tallies, err error) {
	rows, err := tx.Query(ctx, statement, args...)
	if err != nil {
		return out, err
	}
	defer rows.Close()
	for rows.Next() {
		var t tally
		var value *string
		if err := rows.Scan(&t.bucket, &value, &t.count); err != nil {
			return out, err
		}
		if value != nil {
			t.value, t.present = *value, true
		}
		out.rows = append(out.rows, t)
	}
	return out, rows.Err()
}

func (s *rowSource) distinct(ctx context.Context, tx pgx.Tx, field, by app.Field, values []string) (all int64, each map[string]int64, err error) {
	var where conditions
	distinct := where.value(field)
	from := s.from(&where)
	where.filter(s.filter)
	err = tx.QueryRow(ctx, "SELECT count(DISTINCT "+distinct+") FROM "+from+where.clause(), where.args...).Scan(&all)
	if err != nil || by == "" {
		return all, nil, err
	}
	where = conditions{}
	distinct, value := where.value(field), where.value(by)
	from = s.from(&where)
	where.filter(s.filter)
	where.pieces = append(where.pieces, value+" = ANY("+where.arg(values)+")")
	counted, err := readTallies(ctx, tx, "SELECT 0::bigint, "+value+", count(DISTINCT "+distinct+") FROM "+from+where.clause()+" GROUP BY 2", where.args)
	each = map[string]int64{}
	for _, t := range counted.rows {
		each[t.value] = t.count
	}
	return all, each, err
}

// bucket is the number of a row's bucket from the beginning of the range.
func (c *conditions) bucket(from time.Time, step time.Duration) string {
	return c.bucketOf("time", from, step)
}

func (c *conditions) bucketOf(column string, from time.Time, step time.Duration) string {
	if step == 0 {
		return "0::bigint"
	}
	// Unlike extract, date_part is no numeric, which takes several times as long
	// to compute with.
	return "floor(date_part('epoch', " + column + " - " + c.arg(from) + "::timestamptz) / " + c.arg(step.Seconds()) + "::float8)::bigint"
}

// levelNames gives levels the names that the API has for them.
const levelNames = `CASE level WHEN 0 THEN '' WHEN 1 THEN 'TRACE' WHEN 2 THEN 'DEBUG' WHEN 3 THEN 'INFO' WHEN 4 THEN 'WARN' WHEN 5 THEN 'ERROR' WHEN 6 THEN 'FATAL' ELSE 'LEVEL(' || level || ')' END`

// value is a row's value of a field as text, or NULL where it has none.
func (c *conditions) value(field app.Field) string {
	name, attribute := field.Attribute()
	switch {
	case attribute:
		var places []string
		for _, path := range paths(shownText(name, 0)) {
			places = append(places, "attributes #>> "+c.arg(path)+"::text[]")
		}
		return "coalesce(" + strings.Join(places, ", ") + ")"
	case field == app.FieldService, field == app.FieldHost:
		return string(field) + "::text"
	case field == app.FieldLevel:
		return levelNames
	default:
		return "NULL::text"
	}
}
