package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/otlp"
	"millrace/http/intake"
	"millrace/middleware/batching"
	"millrace/middleware/journal"
)

// taking is a Kafka that takes everything, at no cost.
type taking struct{}

func (taking) Publish(string, ...*message.Message) error { return nil }
func (taking) Close() error                              { return nil }

// BenchmarkJournaled takes requests of some logs, of 200 bytes each, from 64
// clients that wait for an answer, through the journal and into batches. The
// journal lies in memory where there is such a thing, and Kafka costs nothing.
func BenchmarkJournaled(b *testing.B) {
	for _, logs := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint("logs=", logs), func(b *testing.B) {
			dir, err := os.MkdirTemp("/dev/shm", "millrace-bench-")
			if err != nil {
				dir = b.TempDir()
			}
			defer os.RemoveAll(dir)
			p, err := batching.New(taking{}, batching.Config{
				Acknowledge: batching.Journaled, MaxTogether: 32, Count: countLogs, Split: splitLogs,
				Pack: func(batch batching.Batch) (*message.Message, error) { return packBatch(batch, headOf(batch)), nil },
				OpenJournal: func(string) (batching.Journal, error) {
					j, err := journal.Open(journal.Config{Dir: dir})
					return journaled{j}, err
				},
			})
			if err != nil {
				b.Fatal(err)
			}
			body := "[" + strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"service":"shop","message":%q},`, strings.Repeat("x", 180)), logs), ",") + "]"
			payload, _, err := otlp.FromJSON([]byte(body), otlp.Intake{Received: time.Now()})
			if err != nil {
				b.Fatal(err)
			}
			b.SetParallelism(64)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					msg := message.NewMessage("id", payload)
					msg.Metadata = message.Metadata{intake.MetaCount: strconv.Itoa(logs), intake.MetaFormat: "json", intake.MetaCorrelationID: "id"}
					if err := p.Publish(app.TopicLogs, msg); err != nil {
						b.Error(err)
					}
				}
			})
			if err := p.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(logs)*float64(b.N)/b.Elapsed().Seconds(), "logs/s")
		})
	}
}
