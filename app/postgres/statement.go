package postgres

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"millrace/app"
)

// logColumns are read by scanLogs. The batch's name is in the ledger, whose
// number the log's id begins with.
const logColumns = `id, time, time_ns, received_at, level, service, host, message, attributes, trace_id, span_id,
	(SELECT shipper || '-' || first_seq FROM ledger WHERE number = page.id >> 24)`

// newestStatement reads so many rows, or fewer when they are larger than so many
// bytes, as they are kept, all together, and then one that is too much; of all the
// days that there may be, it has PostgreSQL look into those since a time.
const newestStatement = "SELECT " + logColumns + ` FROM (
	SELECT *, sum(octet_length(message) + coalesce(pg_column_size(attributes), 0)) OVER (ORDER BY time DESC, id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
	FROM (SELECT * FROM logs WHERE NOT outside AND time >= $3 ORDER BY time DESC, id DESC LIMIT $1) rows
) page WHERE before IS NULL OR before <= $2 ORDER BY time DESC, id DESC`

// conditions are the pieces of a WHERE, and the values they speak of. The pieces
// are fixed texts: queries of one shape share a prepared statement, and no
// value is ever part of a statement.
type conditions struct {
	pieces []string
	args   []any
}

// add appends a condition whose question marks stand for the values.
func (c *conditions) add(piece string, values ...any) {
	for _, value := range values {
		piece = strings.Replace(piece, "?", c.arg(value), 1)
	}
	c.pieces = append(c.pieces, piece)
}

func (c *conditions) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// clause returns the WHERE, or nothing when there are no conditions.
func (c *conditions) clause() string {
	if len(c.pieces) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.pieces, " AND ")
}

// pageStatement writes the statement of up to limit rows from the query's place
// on.
func pageStatement(query app.Query, limit int) (string, []any) {
	var where conditions
	where.filter(query.Filter)
	where.place(query)
	order := orderOf(ascending(query))
	return "SELECT " + logColumns + " FROM (SELECT * FROM logs" + where.clause() + order + " LIMIT " + where.arg(limit) + ") page" + order, where.args
}

// ascending tells whether a query reads the oldest first: a page before another
// is read from its end.
func ascending(query app.Query) bool {
	return query.OldestFirst != (query.At != nil && query.At.Backward)
}

func orderOf(ascending bool) string {
	if ascending {
		return " ORDER BY time ASC, id ASC"
	}
	return " ORDER BY time DESC, id DESC"
}

// place adds that rows lie behind the query's place.
func (c *conditions) place(query app.Query) {
	if query.At == nil {
		return
	}
	// The first comparison is what the index goes by; the second says to the
	// planner, which does not look into rows, which days it can leave out. It
	// takes the two for independent: in a place before which there is a hundredth
	// of the logs it would reckon with a hundredth of that, and sort all rows of
	// an hour to have the first hundred. So the first is kept from its sight.
	if ascending(query) {
		c.add("(time, id) > ((SELECT ?::timestamptz), ?::bigint) AND time >= ?", query.At.Time, int64(query.At.ID), query.At.Time)
	} else {
		c.add("(time, id) < ((SELECT ?::timestamptz), ?::bigint) AND time <= ?", query.At.Time, int64(query.At.ID), query.At.Time)
	}
}

// listStatement writes the statement of a whole listing, out of all rows or, with
// runs, out of theirs.
func listStatement(query app.Query, runs []candidate) (string, []any) {
	var where conditions
	from := "logs"
	if runs != nil {
		from = where.within(runs)
	}
	where.filter(query.Filter)
	return "SELECT " + logColumns + " FROM (SELECT logs.* FROM " + from + where.clause() + ") page" + orderOf(query.OldestFirst), where.args
}

// filter adds all that SQL can say of a filter: regular expressions are looked
// for by the texts that they cannot do without, and matched by whoever reads.
func (c *conditions) filter(f app.Filter) {
	c.span(f.From, f.To)
	c.levels(f.Levels)
	if len(f.NotLevels) > 0 {
		c.add("level <> ALL(?)", levelNumbers(f.NotLevels))
	}
	c.oneOf("service", f.Services, maxService)
	c.noneOf("service", f.NotServices, maxService)
	c.oneOf("host", f.Hosts, 0)
	c.noneOf("host", f.NotHosts, 0)
	if len(f.TraceIDs) > 0 {
		c.add("trace_id = ANY(?)", bytesOf(f.TraceIDs))
	}
	if len(f.NotTraceIDs) > 0 {
		c.add("(trace_id = ANY(?)) IS NOT TRUE", bytesOf(f.NotTraceIDs))
	}
	for _, text := range f.Texts {
		c.add("message ILIKE ?", likeAny(text))
	}
	for _, text := range f.NotTexts {
		if storable(text) { // no message holds another
			c.add("message NOT ILIKE ?", likeAny(text))
		}
	}
	for _, pattern := range f.Patterns {
		for _, needed := range literals(pattern) {
			c.add("message "+needed.operator()+" ?", likeAny(needed.text))
		}
	}
	for _, a := range f.Attributes {
		c.attribute(a)
	}
}

// levels adds a choice of levels. Neighbours, as of a level and all above, are
// compared as a range, which an index in another order can tell by itself.
func (c *conditions) levels(levels []app.Level) {
	if len(levels) == 0 {
		return
	}
	numbers := slices.Compact(slices.Sorted(slices.Values(levelNumbers(levels))))
	first, last := numbers[0], numbers[len(numbers)-1]
	switch {
	case first == last:
		c.add("level = ?", first)
	case int(last-first) == len(numbers)-1:
		c.add("level BETWEEN ? AND ?", first, last)
	default:
		c.add("level = ANY(?)", numbers)
	}
}

func levelNumbers(levels []app.Level) []int16 {
	numbers := make([]int16, len(levels))
	for i, level := range levels {
		numbers[i] = int16(level)
	}
	return numbers
}

// bytesOf reads ids as they are stored. What is no hexadecimal is nobody's id.
func bytesOf(ids []string) [][]byte {
	var all [][]byte
	for _, id := range ids {
		if raw, err := hex.DecodeString(id); err == nil {
			all = append(all, raw)
		}
	}
	return all
}

func likeAny(text string) string { return "%" + likeEscaper.Replace(text) + "%" }

// span adds the range of time. A column holds the microseconds and another the
// nanoseconds below: bounds that have such compare both.
func (c *conditions) span(from, to time.Time) {
	if !from.IsZero() {
		from = nearestMoment(from)
		micros, nanos := from.Truncate(time.Microsecond), int16(from.Nanosecond()%1000)
		c.add("time >= ?", micros)
		if nanos > 0 {
			c.add("NOT (time = ? AND time_ns < ?)", micros, nanos)
		}
	}
	if !to.IsZero() {
		to = nearestMoment(to)
		micros, nanos := to.Truncate(time.Microsecond), int16(to.Nanosecond()%1000)
		if nanos == 0 {
			c.add("time < ?", micros)
		} else {
			c.add("time <= ? AND NOT (time = ? AND time_ns >= ?)", micros, micros, nanos)
		}
	}
}

// oneOf adds a choice of names, each as it is stored. A single one is compared
// with =, which an index can follow in order.
func (c *conditions) oneOf(column string, names []string, limit int) {
	stored := make([]string, len(names))
	for i, name := range names {
		stored[i] = shownText(name, limit)
	}
	switch len(stored) {
	case 0:
	case 1:
		c.add(column+" = ?", stored[0])
	default:
		c.add(column+" = ANY(?)", stored)
	}
}

func (c *conditions) noneOf(column string, names []string, limit int) {
	if len(names) == 0 {
		return
	}
	stored := make([]string, len(names))
	for i, name := range names {
		stored[i] = shownText(name, limit)
	}
	c.add(column+" <> ALL(?)", stored)
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
