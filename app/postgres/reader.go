package postgres

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// Reader answers queries. It implements app.LogReader.
type Reader struct{ db *DB }

// Reader returns the read side.
func (db *DB) Reader() *Reader { return &Reader{db: db} }

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
		batch.Queue(newestStatement, limit).Query(func(rows pgx.Rows) (err error) {
			logs, err = scanLogs(rows, limit)
			return err
		})
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return nil, "", classify(ctx, err)
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
		return app.Page{}, classify(ctx, err)
	}
	logs, err := scanLogs(rows, query.Limit+1)
	if err != nil {
		return app.Page{}, classify(ctx, err)
	}
	more := len(logs) > query.Limit
	if more {
		logs = logs[:query.Limit]
	}
	if query.At != nil && query.At.Backward {
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

// scanLogs reads the rows of a statement that selects logColumns; expected is
// how many there may be.
func scanLogs(rows pgx.Rows, expected int) ([]app.Log, error) {
	defer rows.Close()
	logs := make([]app.Log, 0, min(expected, app.MaxLimit+1))
	var (
		id              int64
		nanos, level    int16
		traceID, spanID []byte
		batchID         *string
	)
	for rows.Next() {
		var log app.Log
		err := rows.Scan(&id, &log.Time, &nanos, &log.ReceivedAt, &level, &log.Service, &log.Host, &log.Message,
			(*[]byte)(&log.Attributes), &traceID, &spanID, &batchID)
		if err != nil {
			return nil, err
		}
		log.ID, log.Level = app.LogID(id), app.Level(level)
		log.Time = log.Time.UTC().Add(time.Duration(nanos))
		log.ReceivedAt = log.ReceivedAt.UTC()
		log.TraceID, log.SpanID = hex.EncodeToString(traceID), hex.EncodeToString(spanID)
		if batchID != nil {
			log.BatchID = *batchID
		}
		logs = append(logs, log)
	}
	return logs, rows.Err()
}
