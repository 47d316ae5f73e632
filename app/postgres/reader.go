package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// Reader answers queries. It implements app.LogReader.
type Reader struct{ db *DB }

// Reader returns the read side.
func (db *DB) Reader() *Reader { return &Reader{db: db} }

// logColumns are read by scanLog. The batch's name is in the ledger, whose
// number the log's id begins with.
const logColumns = `id, time, time_ns, received_at, level, service, host, message, attributes, trace_id, span_id,
	(SELECT shipper || '-' || first_seq FROM ledger WHERE number = page.id >> 24)`

// Newest implements app.LogReader. Logs whose time is outside the window are
// left out: one from the year 2099 would be the newest for ever.
func (r *Reader) Newest(ctx context.Context, limit int) ([]app.Log, app.Snapshot, error) {
	var logs []app.Log
	var snapshot app.Snapshot
	// One snapshot for both questions, or the second could know more.
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, r.db.pool, options, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue("SELECT pg_current_snapshot()::text").QueryRow(func(row pgx.Row) error { return row.Scan(&snapshot) })
		batch.Queue(`SELECT `+logColumns+` FROM (SELECT * FROM logs WHERE NOT outside ORDER BY time DESC, id DESC LIMIT $1) page`, limit).
			Query(func(rows pgx.Rows) (err error) {
				logs, err = pgx.CollectRows(rows, scanLog)
				return err
			})
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return nil, "", classify(err)
	}
	return logs, snapshot, nil
}

// Logs implements app.LogReader. One row more than the page is read, to know
// whether there is another page.
func (r *Reader) Logs(ctx context.Context, query app.Query) (app.Page, error) {
	if !storable(query.Text) {
		return app.Page{}, nil // no stored text holds such
	}
	statement, args := pageStatement(query)
	rows, err := r.db.pool.Query(ctx, statement, args...)
	if err != nil {
		return app.Page{}, classify(err)
	}
	logs, err := pgx.CollectRows(rows, scanLog)
	if err != nil {
		return app.Page{}, classify(err)
	}
	more := len(logs) > query.Limit
	if more {
		logs = logs[:query.Limit]
	}
	backward := query.At != nil && query.At.Backward
	if backward {
		slices.Reverse(logs)
	}
	return withCursors(app.Page{Logs: logs}, query, more), nil
}

// withCursors adds the ways on from a page. Where the page came from there is
// always something, or was.
func withCursors(page app.Page, query app.Query, more bool) app.Page {
	if len(page.Logs) == 0 {
		return page
	}
	at := func(log app.Log, backward bool) *app.Cursor {
		return &app.Cursor{Time: log.Time.Truncate(time.Microsecond), ID: log.ID, Backward: backward, Query: query.Hash()}
	}
	backward := query.At != nil && query.At.Backward
	if more || backward {
		page.Next = at(page.Logs[len(page.Logs)-1], false)
	}
	if backward && more || query.At != nil && !backward {
		page.Prev = at(page.Logs[0], true)
	}
	return page
}

// pageStatement writes the statement of a page from fixed pieces; every value
// is an argument.
func pageStatement(query app.Query) (string, []any) {
	var where []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	if !query.From.IsZero() {
		where = append(where, "time >= "+arg(query.From))
	}
	if !query.To.IsZero() {
		where = append(where, "time < "+arg(query.To))
	}
	if len(query.Levels) > 0 {
		levels := make([]int16, len(query.Levels))
		for i, level := range query.Levels {
			levels[i] = int16(level)
		}
		where = append(where, "level = ANY("+arg(levels)+")")
	}
	// A single value is compared with =, which an index can follow in order.
	oneOf := func(column string, values []string) {
		switch len(values) {
		case 0:
		case 1:
			where = append(where, column+" = "+arg(clean(values[0])))
		default:
			where = append(where, column+" = ANY("+arg(values)+")")
		}
	}
	oneOf("service", query.Services)
	oneOf("host", query.Hosts)
	if query.Text != "" {
		where = append(where, "message ILIKE "+arg("%"+escapeLike(query.Text)+"%"))
	}
	ascending := query.OldestFirst
	if query.At != nil {
		if query.At.Backward {
			ascending = !ascending
		}
		where = append(where, fmt.Sprintf("(time, id) %s (%s, %s)", pick(ascending, ">", "<"), arg(query.At.Time), arg(int64(query.At.ID))))
	}
	condition := ""
	if len(where) > 0 {
		condition = " WHERE " + strings.Join(where, " AND ")
	}
	direction := pick(ascending, "ASC", "DESC")
	order := "time " + direction + ", id " + direction
	return "SELECT " + logColumns + " FROM (SELECT * FROM logs" + condition + " ORDER BY " + order + " LIMIT " + arg(query.Limit+1) + ") page ORDER BY " + order, args
}

func pick(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func escapeLike(s string) string { return likeEscaper.Replace(s) }

func scanLog(row pgx.CollectableRow) (app.Log, error) {
	var (
		log             app.Log
		id              int64
		nanos, level    int16
		traceID, spanID []byte
		attributes      []byte
		batchID         *string
	)
	err := row.Scan(&id, &log.Time, &nanos, &log.ReceivedAt, &level, &log.Service, &log.Host, &log.Message, &attributes, &traceID, &spanID, &batchID)
	if err != nil {
		return log, err
	}
	log.ID, log.Level = app.LogID(id), app.Level(level)
	log.Time = log.Time.UTC().Add(time.Duration(nanos))
	log.ReceivedAt = log.ReceivedAt.UTC()
	log.Attributes = attributes
	log.TraceID, log.SpanID = hex.EncodeToString(traceID), hex.EncodeToString(spanID)
	if batchID != nil {
		log.BatchID = *batchID
	}
	return log, nil
}
