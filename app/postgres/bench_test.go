package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"millrace/app"
	"millrace/app/postgres"
)

const benchBatch = 1000 // logs a transaction

// benchLogs are logs as services write them: about 110 bytes of message, 90 of
// attributes, most with a trace.
func benchLogs() []app.Log {
	logs := make([]app.Log, benchBatch)
	for i := range logs {
		logs[i] = logAt(time.Duration(benchBatch-i)*time.Millisecond, fmt.Sprintf(
			"GET /api/orders/%d answered 200 in %d ms for user %d (cache miss, 3 rows, upstream payments-7 healthy)", i*7919, i%97, i*31))
		logs[i].Service = fmt.Sprint("service-", i%20)
		logs[i].Host = fmt.Sprint("web-", i%8)
		logs[i].Attributes = fmt.Appendf(nil, `{"http.method":"GET","http.status_code":200,"user.id":%d,"net.peer.ip":"10.0.%d.%d"}`, i*31, i%200, i%250)
		logs[i].TraceID, logs[i].SpanID = fmt.Sprintf("%032x", i+1), fmt.Sprintf("%016x", i+1)
	}
	return logs
}

// BenchmarkStore measures Store against what PostgreSQL can do at most: a COPY
// of the same rows, encoded beforehand, as a transaction of its own without
// ledger, event or notification. They take turns, since machines drift;
// %of-bare is what the ledger, the encoding and the event leave of it.
func BenchmarkStore(b *testing.B) {
	for _, workers := range []int{1, 4} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			at := newURL(b)
			db := open(b, at)
			pool, err := pgxpool.New(b.Context(), at)
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			logs := benchLogs()
			stream, statement := postgres.CopyStream(1, logs)
			store := db.Store()
			var sequence atomic.Uint64
			storeOne := func() error {
				next := batch("bench", 1, logs...)
				next.First = sequence.Add(benchBatch)
				_, err := store.Store(b.Context(), next)
				return err
			}
			bareOne := func() error {
				return pool.AcquireFunc(b.Context(), func(c *pgxpool.Conn) error {
					_, err := c.Conn().PgConn().CopyFrom(b.Context(), bytes.NewReader(stream), statement)
					return err
				})
			}
			pgxOne := func() error {
				return pool.AcquireFunc(b.Context(), func(c *pgxpool.Conn) error { return copyWithPgx(b.Context(), c.Conn(), logs) })
			}
			if err := storeOne(); err != nil { // makes the day's partition
				b.Fatal(err)
			}
			const chunk = 20 // batches at a turn
			var spent [3]time.Duration
			var done int
			b.ReportAllocs()
			for b.Loop() {
				for i, one := range []func() error{storeOne, bareOne, pgxOne} {
					begin := time.Now()
					together(b, workers, chunk, one)
					spent[i] += time.Since(begin)
				}
				done += workers * chunk * benchBatch
			}
			rate := func(i int) float64 { return float64(done) / spent[i].Seconds() }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rate(0), "logs/s")
			b.ReportMetric(rate(1), "bare-logs/s")
			b.ReportMetric(rate(2), "pgx-logs/s")
			b.ReportMetric(100*rate(0)/rate(1), "%of-bare")
		})
	}
}

func together(b *testing.B, workers, times int, one func() error) {
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for range times {
				if err := one(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// copyWithPgx copies logs as pgx does it, value by value.
func copyWithPgx(ctx context.Context, conn *pgx.Conn, logs []app.Log) error {
	columns := []string{"id", "time", "received_at", "time_ns", "level", "outside", "service", "host", "message", "attributes", "trace_id", "span_id"}
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"logs"}, columns, pgx.CopyFromSlice(len(logs), func(i int) ([]any, error) {
		l := &logs[i]
		return []any{int64(app.NewLogID(1, i)), l.Time, l.ReceivedAt, int16(0), int16(l.Level), false, l.Service, l.Host, l.Message, l.Attributes, []byte(l.TraceID[:16]), []byte(l.SpanID[:8])}, nil
	}))
	return err
}
