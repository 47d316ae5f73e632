package postgres

import (
	"strconv"
	"strings"
	"time"

	"millrace/app"
)

// logColumns are read by scanLogs. The batch's name is in the ledger, whose
// number the log's id begins with.
const logColumns = `id, time, time_ns, received_at, level, service, host, message, attributes, trace_id, span_id,
	(SELECT shipper || '-' || first_seq FROM ledger WHERE number = page.id >> 24)`

const newestStatement = "SELECT " + logColumns +
	" FROM (SELECT * FROM logs WHERE NOT outside ORDER BY time DESC, id DESC LIMIT $1) page ORDER BY time DESC, id DESC"

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

// pageStatement writes the statement of a page.
func pageStatement(query app.Query) (string, []any) {
	var where conditions
	where.filter(query.Filter)
	ascending := query.OldestFirst
	if query.At != nil {
		if query.At.Backward {
			ascending = !ascending
		}
		// The first comparison is what the index goes by; the second says to the
		// planner, which does not look into rows, which days it can leave out.
		if ascending {
			where.add("(time, id) > (?, ?) AND time >= ?", query.At.Time, int64(query.At.ID), query.At.Time)
		} else {
			where.add("(time, id) < (?, ?) AND time <= ?", query.At.Time, int64(query.At.ID), query.At.Time)
		}
	}
	order := " ORDER BY time DESC, id DESC"
	if ascending {
		order = " ORDER BY time ASC, id ASC"
	}
	return "SELECT " + logColumns + " FROM (SELECT * FROM logs" + where.clause() + order + " LIMIT " + where.arg(query.Limit+1) + ") page" + order, where.args
}

func (c *conditions) filter(f app.Filter) {
	c.span(f.From, f.To)
	if len(f.Levels) > 0 {
		levels := make([]int16, len(f.Levels))
		for i, level := range f.Levels {
			levels[i] = int16(level)
		}
		c.add("level = ANY(?)", levels)
	}
	c.oneOf("service", f.Services, maxService)
	c.oneOf("host", f.Hosts, 0)
	if f.Text != "" {
		c.add("message ILIKE ?", "%"+likeEscaper.Replace(f.Text)+"%")
	}
}

// span adds the range of time. A column holds the microseconds and another the
// nanoseconds below: bounds that have such compare both.
func (c *conditions) span(from, to time.Time) {
	if !from.IsZero() {
		from = nearestMoment(from)
		micros, nanos := from.Truncate(time.Microsecond), int16(from.Nanosecond()%1000)
		c.add("time >= ?", micros)
		if nanos > 0 {
			c.add("(time, time_ns) >= (?, ?)", micros, nanos)
		}
	}
	if !to.IsZero() {
		to = nearestMoment(to)
		micros, nanos := to.Truncate(time.Microsecond), int16(to.Nanosecond()%1000)
		if nanos == 0 {
			c.add("time < ?", micros)
		} else {
			c.add("time <= ? AND (time, time_ns) < (?, ?)", micros, micros, nanos)
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

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
