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

// lately is how far back the newest logs are looked for at first. To plan a look
// into thirty days takes PostgreSQL ten times as long as to look into one.
const lately = 24 * time.Hour

// Newest implements app.LogReader. Logs whose time is outside the window are
// left out: one from the year 2099 would be the newest for ever.
func (r *Reader) Newest(ctx context.Context, limit int) ([]app.Log, app.Snapshot, error) {
	newest, snapshot, err := r.newestSince(ctx, limit, time.Now().Add(-lately))
	if err == nil && !newest.full && len(newest.logs) < limit {
		newest, snapshot, err = r.newestSince(ctx, limit, time.Time{})
	}
	if err != nil {
		return nil, "", classify(ctx, err)
	}
	return newest.logs, snapshot, nil
}

func (r *Reader) newestSince(ctx context.Context, limit int, since time.Time) (newest *page, snapshot app.Snapshot, err error) {
	conn, err := r.db.pool.Acquire(ctx)
	if err != nil {
		return nil, "", err
	}
	defer conn.Release()
	defer rollback(ctx, conn.Conn())
	newest = newPage(limit, app.RecentBytes)
	// One snapshot for both questions, or the second could know more; and one
	// round trip for all, since many may wait for it.
	batch := &pgx.Batch{}
	batch.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	batch.Queue("SELECT pg_current_snapshot()::text").QueryRow(func(row pgx.Row) error { return row.Scan(&snapshot) })
	// Of attributes PostgreSQL only knows how large they are compressed.
	batch.Queue(newestStatement, limit, app.RecentBytes, since).Query(func(rows pgx.Rows) error {
		return eachLog(rows, func(log *app.Log) error { newest.add(log); return nil })
	})
	batch.Queue("COMMIT")
	return newest, snapshot, conn.SendBatch(ctx, batch).Close()
}

// Logs implements app.LogReader. One log more than the page has is read, to know
// whether there is another page.
func (r *Reader) Logs(ctx context.Context, query app.Query) (app.Page, error) {
	if !findable(query.Filter) {
		return app.Page{}, nil
	}
	matcher, err := app.NewMatcher(query.Filter)
	if err != nil {
		return app.Page{}, err
	}
	page := newPage(query.Limit, app.PageBytes)
	if err := (filling{page, r.db.pool, matcher}).fill(ctx, query); err != nil {
		return app.Page{}, classify(ctx, err)
	}
	if query.At != nil && query.At.Backward {
		slices.Reverse(page.logs)
	}
	return withCursors(app.Page{Logs: page.logs}, query, page.full), nil
}

// findable is false when a filter wants what no stored text holds.
func findable(f app.Filter) bool {
	return !slices.ContainsFunc(f.Texts, func(text string) bool { return !storable(text) })
}

// Rows that are read at once when the filter has regular expressions, which
// match here and not in PostgreSQL: a pattern could keep that busy for ever.
const (
	firstChunk = 1000
	lastChunk  = 16_000
)

// fill reads the page from the query's place on, in the order of reading.
func (f filling) fill(ctx context.Context, query app.Query) error {
	w := wantedOf(query.Filter)
	if w.none() {
		return f.inOrder(ctx, query)
	}
	runs, err := candidates(ctx, f.pool, w, fromPlace(query), ascending(query))
	if err != nil {
		return err
	}
	return f.inRuns(ctx, query, runs)
}

// inOrder reads out of all rows.
func (f filling) inOrder(ctx context.Context, query app.Query) error {
	chunk := f.wanted()
	if f.matcher.HasPatterns() {
		chunk = max(firstChunk, chunk)
	}
	for ; ; chunk = min(4*chunk, lastChunk) {
		statement, args := pageStatement(query, chunk)
		read, last, err := f.read(ctx, statement, args)
		if err != nil || f.full || read < chunk {
			return err
		}
		query.At = placeOf(&last, query, query.At != nil && query.At.Backward)
	}
}

// placeOf is the place just behind a log, or with backward just before it.
func placeOf(log *app.Log, query app.Query, backward bool) *app.Cursor {
	return &app.Cursor{Time: log.Time.Truncate(time.Microsecond), ID: log.ID, Backward: backward, Query: query.Hash()}
}

// withCursors adds the ways on from a page. Where the page came from there is
// always something, or was.
func withCursors(page app.Page, query app.Query, more bool) app.Page {
	if len(page.Logs) == 0 {
		return page
	}
	backward := query.At != nil && query.At.Backward
	if more || backward {
		page.Next = placeOf(&page.Logs[len(page.Logs)-1], query, false)
	}
	if backward && more || query.At != nil && !backward {
		page.Prev = placeOf(&page.Logs[0], query, true)
	}
	return page
}

// scanLogs reads the rows of a statement that selects logColumns; expected is
// how many there may be.
func scanLogs(rows pgx.Rows, expected int) ([]app.Log, error) {
	logs := make([]app.Log, 0, min(expected, app.MaxLimit+1))
	err := eachLog(rows, func(log *app.Log) error { logs = append(logs, *log); return nil })
	return logs, err
}

// eachLog hands out the rows of a statement that selects logColumns.
func eachLog(rows pgx.Rows, visit func(*app.Log) error) error {
	defer rows.Close()
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
			return err
		}
		log.ID, log.Level = app.LogID(id), app.Level(level)
		log.Time = log.Time.UTC().Add(time.Duration(nanos))
		log.ReceivedAt = log.ReceivedAt.UTC()
		log.TraceID, log.SpanID = hex.EncodeToString(traceID), hex.EncodeToString(spanID)
		if batchID != nil {
			log.BatchID = *batchID
		}
		if err := visit(&log); err != nil {
			return err
		}
	}
	return rows.Err()
}
