package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// wanted is what a run's signatures must have for a filter to find anything in
// the run: all of the trigrams, and of each list of fields one.
type wanted struct {
	trigrams []uint64
	fields   [][]uint64
}

// maxTrigrams is the most trigrams that are looked for: more say little more.
const maxTrigrams = 10

// wantedOf returns what a filter wants of a run; nothing when signatures cannot
// tell.
func wantedOf(f app.Filter) (w wanted) {
	for _, text := range f.Texts {
		w.text(text)
	}
	for _, pattern := range f.Patterns {
		for _, needed := range literals(pattern) {
			w.text(needed.text)
		}
	}
	w.names(tokenHost, f.Hosts)
	w.names(tokenTrace, f.TraceIDs)
	for _, a := range f.Attributes {
		if a.Not {
			continue
		}
		var any []uint64
		name := hashText(hashBasis, shownText(a.Name, 0))
		for _, value := range a.Values {
			value = shownText(value, 0)
			any = append(any, valueToken(name, kindText, value))
			if app.IsNumber(value) {
				any = append(any, valueToken(name, kindNumber, value))
			} else if value == "true" || value == "false" || value == "null" {
				any = append(any, valueToken(name, kindWord, value))
			}
		}
		w.fields = append(w.fields, any)
	}
	return w
}

func (w *wanted) text(text string) {
	var all []uint64
	eachTrigram(text, func(hash uint64) { all = append(all, hash) })
	// From all over the text: its beginning may be that of many words.
	for step := max(1, len(all)/maxTrigrams); len(all) > 0; all = all[min(step, len(all)):] {
		if len(w.trigrams) < 2*maxTrigrams {
			w.trigrams = append(w.trigrams, all[0])
		}
	}
}

func (w *wanted) names(name string, values []string) {
	if len(values) == 0 {
		return
	}
	var any []uint64
	for _, value := range values {
		any = append(any, token(name, shownText(value, 0)))
	}
	w.fields = append(w.fields, any)
}

func (w wanted) none() bool { return len(w.trigrams)+len(w.fields) == 0 }

// candidate is a run that may have what is looked for.
type candidate struct {
	low, high   int64 // ids
	first, last time.Time
}

// runsStatement writes the statement that finds the candidates within a range,
// those with the latest end first, or with the earliest beginning.
func runsStatement(w wanted, f app.Filter, oldestFirst bool) (string, []any) {
	var where conditions
	from := "field_signatures f"
	if len(w.trigrams) > 0 {
		from = "text_signatures f"
		if len(w.fields) > 0 {
			from = "text_signatures f JOIN field_signatures g USING (batch, first_place)"
		}
	}
	table := "f"
	for _, hash := range w.trigrams {
		where.pieces = append(where.pieces, where.bits("f", hash, trigramProbes))
	}
	if len(w.trigrams) > 0 && len(w.fields) > 0 {
		table = "g"
	}
	for _, any := range w.fields {
		var choices []string
		for _, hash := range any {
			choices = append(choices, where.bits(table, hash, fieldProbes))
		}
		where.pieces = append(where.pieces, "("+strings.Join(choices, " OR ")+")")
	}
	where.overlap("f.first_time", "f.last_time", f)
	order := " ORDER BY 4 DESC"
	if oldestFirst {
		order = " ORDER BY 3"
	}
	signed := `SELECT batch << 24 | first_place AS low, batch << 24 | f.last_place AS high, f.first_time, f.last_time FROM ` + from + where.clause()
	var unsigned conditions
	unsigned.args = where.args
	unsigned.pieces = []string{"number <= (SELECT last FROM unsigned_batches)"}
	unsigned.overlap("first_time", "last_time", f)
	return signed + ` UNION ALL SELECT number << 24, number << 24 | 16777215, first_time, last_time FROM ledger` + unsigned.clause() + order, unsigned.args
}

// bits says that a signature has a hash.
func (c *conditions) bits(table string, hash uint64, probes int) string {
	var all []string
	for i := range probes {
		all = append(all, "get_bit("+table+".bits, ("+c.arg(int64(probe(hash, i)))+"::bigint % (octet_length("+table+".bits) * 8))::integer) = 1")
	}
	return "(" + strings.Join(all, " AND ") + ")"
}

// overlap says that a run's time reaches into a filter's range.
func (c *conditions) overlap(first, last string, f app.Filter) {
	if !f.From.IsZero() {
		c.add(last+" >= ?", nearestMoment(f.From).Truncate(time.Microsecond))
	}
	if !f.To.IsZero() {
		c.add(first+" <= ?", nearestMoment(f.To))
	}
}

// candidates reads the runs that a filter can find anything in.
func candidates(ctx context.Context, q querier, w wanted, f app.Filter, oldestFirst bool) ([]candidate, error) {
	statement, args := runsStatement(w, f, oldestFirst)
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c candidate, err error) {
		err = row.Scan(&c.low, &c.high, &c.first, &c.last)
		return c, err
	})
}

// fewLogs is the share of the logs in a range, 1 in so many, up to which it is
// better to read runs than all rows in their order.
const fewLogs = 8

// worthwhile returns the runs to read in place of all rows, or nil when these
// are not much fewer.
func worthwhile(ctx context.Context, tx pgx.Tx, f app.Filter, oldestFirst bool) ([]candidate, error) {
	w := wantedOf(f)
	if w.none() {
		return nil, nil
	}
	runs, err := candidates(ctx, tx, w, f, oldestFirst)
	if err != nil {
		return nil, err
	}
	var all conditions
	all.overlap("first_time", "last_time", f)
	var logs, in int64
	if err := tx.QueryRow(ctx, "SELECT coalesce(sum(count), 0) FROM ledger"+all.clause(), all.args...).Scan(&logs); err != nil {
		return nil, err
	}
	for _, r := range runs {
		in += r.high - r.low + 1
	}
	if in > logs/fewLogs {
		return nil, nil
	}
	return append([]candidate{}, runs...), nil
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}
