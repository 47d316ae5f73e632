package storetest

import (
	"testing"
	"time"

	"millrace/app"
)

// Open returns an empty store and the reader beside it, for one test.
type Open func(t testing.TB) (app.BatchStore, app.LogReader)

// Now is about when the tests' logs happen, to the microsecond.
var Now = time.Now().UTC().Truncate(time.Microsecond)

// LogAt makes a log that happened some time before Now.
func LogAt(ago time.Duration, message string) app.Log {
	return app.Log{
		Time: Now.Add(-ago), ReceivedAt: Now, Level: app.LevelInfo,
		Service: "checkout", Host: "web-1", Message: message,
	}
}

// Batch makes a batch of logs at a place in a shipper's sequence. It hands out
// one and the same Log for all, as a decoder does. The payload of one is its
// message.
func Batch(shipper string, first uint64, logs ...app.Log) app.Batch {
	return app.Batch{
		BatchHead: app.BatchHead{Shipper: shipper, First: first, Count: len(logs), Topic: app.TopicLogs, SealedAt: Now, ShippedAt: Now},
		Logs: func(yield func(*app.Log, error) bool) {
			var shared app.Log
			for i := range logs {
				shared = logs[i]
				if !yield(&shared, nil) {
					return
				}
			}
		},
		One: func(place int) ([]byte, error) { return []byte(logs[place].Message), nil },
	}
}

// Messages returns the logs' messages in order.
func Messages(logs []app.Log) []string {
	messages := make([]string, len(logs))
	for i := range logs {
		messages[i] = logs[i].Message
	}
	return messages
}

// mustStore stores batches that are new.
func mustStore(t testing.TB, store app.BatchStore, batches ...app.Batch) {
	t.Helper()
	for _, batch := range batches {
		receipt, err := store.Store(t.Context(), batch)
		if err != nil || receipt.Duplicate || receipt.Stored != batch.Count || receipt.Number == 0 {
			t.Fatalf("batch %s: %+v, %v", batch.ID(), receipt, err)
		}
	}
}

// all returns every log, oldest first.
func all(t testing.TB, reader app.LogReader) []app.Log {
	t.Helper()
	var logs []app.Log
	query := app.Query{Limit: app.MaxLimit, OldestFirst: true}
	for {
		page, err := reader.Logs(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, page.Logs...)
		if page.Next == nil {
			return logs
		}
		query.At = page.Next
	}
}
