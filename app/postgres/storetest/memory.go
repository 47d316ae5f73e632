package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"millrace/app"
)

// Memory is an app.BatchStore and app.LogReader in memory: slow, and simple
// enough to see that it is right. Safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	ledger  []entry   // guarded by mu, as are the rest
	logs    []app.Log // oldest first
	batches int64
}

// entry is a batch that is stored.
type entry struct {
	number int64
	head   app.BatchHead
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{} }

// Store implements app.BatchStore.
func (m *Memory) Store(ctx context.Context, batch app.Batch) (app.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return app.Receipt{}, err
	}
	if batch.Count < 1 || batch.Shipper == "" || strings.Contains(batch.Shipper, "\x00") || batch.First >= 1<<63 {
		return app.Receipt{}, app.Errorf(app.KindInvalid, "batch %s cannot be", batch.ID())
	}
	var logs []app.Log
	for log, err := range batch.Logs {
		if err != nil {
			return app.Receipt{}, err
		}
		logs = append(logs, keep(log))
	}
	if len(logs) != batch.Count {
		return app.Receipt{}, app.Errorf(app.KindInvalid, "batch %s says it holds %d logs and holds %d", batch.ID(), batch.Count, len(logs))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, there := range m.ledger {
		switch {
		case there.head.Shipper != batch.Shipper || batch.Foreign && there.head.First != batch.First:
		case there.head.First <= batch.First && there.head.Last() >= batch.Last():
			return app.Receipt{Number: there.number, Duplicate: true}, nil
		case there.head.First >= batch.First && there.head.First <= batch.Last():
			return app.Receipt{}, app.Errorf(app.KindConflict, "batch %s has logs of batch %s, which is there", batch.ID(), there.head.ID())
		}
	}
	m.batches++
	for i := range logs {
		logs[i].ID, logs[i].BatchID = app.NewLogID(m.batches, i), batch.ID()
	}
	m.logs = append(m.logs, logs...)
	slices.SortFunc(m.logs, compareLogs)
	receipt := app.Receipt{Number: m.batches, Stored: len(logs)}
	m.ledger = append(m.ledger, entry{m.batches, batch.BatchHead})
	return receipt, nil
}

// keep returns a copy that shares nothing with what it was handed. Attributes
// that are no JSON become a text, so that every log can be shown.
func keep(log *app.Log) app.Log {
	kept := *log
	for _, text := range []*string{&kept.Service, &kept.Host, &kept.Message, &kept.TraceID, &kept.SpanID} {
		*text = strings.Clone(*text)
	}
	kept.TraceID, kept.SpanID = strings.ToLower(kept.TraceID), strings.ToLower(kept.SpanID)
	kept.Attributes = slices.Clone(log.Attributes)
	if len(kept.Attributes) > 0 && !json.Valid(kept.Attributes) {
		kept.Attributes = append(app.AppendJSONString([]byte(`{"text":`), string(kept.Attributes)), '}')
	}
	return kept
}

// Newest implements app.LogReader. Each batch is a transaction of its number.
func (m *Memory) Newest(ctx context.Context, limit int) ([]app.Log, app.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var newest []app.Log
	for _, log := range slices.Backward(m.logs) {
		if log.Time.Before(Now.AddDate(0, 0, 2)) {
			newest = append(newest, log)
		}
	}
	newest = newest[:fitting(slices.All(newest), limit, app.RecentBytes)]
	return newest, app.Snapshot(fmt.Sprintf("%d:%d:", m.batches+1, m.batches+1)), ctx.Err()
}

// Logs implements app.LogReader.
func (m *Memory) Logs(ctx context.Context, query app.Query) (app.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var listing []app.Log
	matcher, err := app.NewMatcher(query.Filter)
	if err != nil {
		return app.Page{}, err
	}
	for _, log := range m.logs {
		if matcher.Matches(&log) {
			listing = append(listing, log)
		}
	}
	if !query.OldestFirst {
		slices.Reverse(listing)
	}
	begin := 0
	if at := query.At; at != nil {
		place := app.Log{Time: at.Time, ID: at.ID}
		// The logs on this side of the place, and whether its own log is one.
		before := func(log app.Log) bool {
			if query.OldestFirst {
				return compareLogs(log, place) < 0
			}
			return compareLogs(log, place) > 0
		}
		begin = len(listing)
		for i, log := range listing {
			if !before(log) {
				begin = i
				break
			}
		}
		if at.Backward {
			end := begin
			begin -= fitting(slices.Backward(listing[:end]), query.Limit, app.PageBytes)
			return pageOf(listing, begin, end, query), ctx.Err()
		}
		if begin < len(listing) && compareLogs(listing[begin], place) == 0 {
			begin++
		}
	}
	end := begin + fitting(slices.All(listing[begin:]), query.Limit, app.PageBytes)
	return pageOf(listing, begin, end, query), ctx.Err()
}

// fitting returns how many logs are within both bounds, or the first alone.
func fitting(logs iter.Seq2[int, app.Log], limit, bytes int) (n int) {
	for _, log := range logs {
		if bytes -= log.Bytes(); n == limit || bytes < 0 && n > 0 {
			break
		}
		n++
	}
	return n
}

func pageOf(listing []app.Log, begin, end int, query app.Query) app.Page {
	page := app.Page{Logs: slices.Clone(listing[begin:end])}
	if begin < end && end < len(listing) {
		page.Next = cursor(listing[end-1], query, false)
	}
	if begin < end && begin > 0 {
		page.Prev = cursor(listing[begin], query, true)
	}
	return page
}

func cursor(log app.Log, query app.Query, backward bool) *app.Cursor {
	return &app.Cursor{Time: log.Time.Truncate(time.Microsecond), ID: log.ID, Backward: backward, Query: query.Hash()}
}

// compareLogs is the order of a listing, oldest first.
func compareLogs(a, b app.Log) int {
	return cmp.Or(a.Time.Truncate(time.Microsecond).Compare(b.Time.Truncate(time.Microsecond)), cmp.Compare(a.ID, b.ID))
}
