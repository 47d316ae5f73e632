package journal_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"millrace/middleware/journal"
)

// benchConfig has the defaults, in a folder in memory where there is such a
// thing: the disk's own time is left out.
func benchConfig(b *testing.B) journal.Config {
	dir, err := os.MkdirTemp("/dev/shm", "journal-bench-")
	if err != nil {
		dir = b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return journal.Config{Dir: dir}
}

// BenchmarkAppend takes requests of one log and of a hundred, of 200 bytes each,
// from as many clients as wait for an answer, while they are read and
// acknowledged.
func BenchmarkAppend(b *testing.B) {
	for _, logs := range []int{1, 100} {
		for _, clients := range []int{1, 64} {
			b.Run(fmt.Sprintf("logs=%d/clients=%d", logs, clients), func(b *testing.B) {
				j, err := journal.Open(benchConfig(b))
				if err != nil {
					b.Fatal(err)
				}
				reading, stop := context.WithCancel(context.Background())
				done := make(chan struct{})
				go func() {
					defer close(done)
					for {
						r, err := j.Next(reading)
						if err != nil {
							return
						}
						j.Ack(r.Sequence, r.First+uint64(r.Units)-1)
					}
				}()
				record := journal.Record{Units: logs, Head: make([]byte, 80), Body: make([]byte, 200*logs)}
				b.SetBytes(int64(len(record.Body)))
				b.SetParallelism(clients)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := j.Append(record); err != nil {
							b.Error(err)
						}
					}
				})
				b.StopTimer()
				stop()
				<-done
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkReplay reads what an earlier life left: in one that goes on in the
// same generation, and in one that only reads it.
func BenchmarkReplay(b *testing.B) {
	for name, place := range map[string]string{"same": "here", "ended": "elsewhere"} {
		b.Run(name, func(b *testing.B) {
			cfg := benchConfig(b)
			cfg.Place = func(string) string { return "here" }
			j, err := journal.Open(cfg)
			if err != nil {
				b.Fatal(err)
			}
			record := journal.Record{Units: 100, Head: make([]byte, 80), Body: make([]byte, 20_000)}
			for range b.N {
				if err := j.Append(record); err != nil {
					b.Fatal(err)
				}
			}
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
			cfg.Place = func(string) string { return place }
			b.SetBytes(int64(len(record.Body)))
			b.ReportAllocs()
			b.ResetTimer()
			if j, err = journal.Open(cfg); err != nil {
				b.Fatal(err)
			}
			for range b.N {
				r, err := j.Next(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				j.Ack(r.Sequence, r.First+uint64(r.Units)-1)
			}
			b.StopTimer()
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
