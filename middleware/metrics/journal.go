package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"millrace/middleware/journal"
)

// Journal counts what a journal.Journal does. It is its Observer.
type Journal struct {
	registry          prometheus.Registerer
	failures, damages prometheus.Counter
	records, took     prometheus.Histogram
	synced            prometheus.Histogram
}

// NewJournal registers the metrics of the journal.
func NewJournal(r prometheus.Registerer) *Journal {
	return &Journal{
		registry: r,
		failures: promauto.With(r).NewCounter(prometheus.CounterOpts{
			Name: "journal_write_failures_total", Help: "Writes to the journal that failed; what they held was refused.",
		}),
		damages: promauto.With(r).NewCounter(prometheus.CounterOpts{
			Name: "journal_damages_total", Help: "Places of the journal that cannot be read.",
		}),
		records: promauto.With(r).NewHistogram(prometheus.HistogramOpts{
			Name: "journal_write_records", Help: "Requests that shared a write and its fsync.", Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		synced: promauto.With(r).NewHistogram(prometheus.HistogramOpts{
			Name: "journal_fsync_duration_seconds", Help: "Time of an fsync of the journal.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 14),
		}),
		took: promauto.With(r).NewHistogram(prometheus.HistogramOpts{
			Name: "journal_write_duration_seconds", Help: "Time of a write to the journal, fsync included.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 14),
		}),
	}
}

// Watch registers the gauges that read the journal's state.
func (m *Journal) Watch(stats func() journal.Stats) {
	gauge := func(name, help string, value func(journal.Stats) float64) {
		promauto.With(m.registry).NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(stats()) })
	}
	gauge("journal_bytes", "Bytes in the journal that Kafka does not have yet.", func(s journal.Stats) float64 { return float64(s.Bytes) })
	gauge("journal_limit_bytes", "Bytes that the journal may hold.", func(s journal.Stats) float64 { return float64(s.Limit) })
	gauge("journal_logs", "Logs in the journal that Kafka does not have yet.", func(s journal.Stats) float64 { return float64(s.Units) })
	gauge("journal_oldest_seconds", "Age of the oldest log that is on its way to Kafka.", func(s journal.Stats) float64 {
		if s.Oldest.IsZero() {
			return 0
		}
		return time.Since(s.Oldest).Seconds()
	})
}

// Wrote implements journal.Observer.
func (m *Journal) Wrote(records, _ int, seconds float64) {
	m.records.Observe(float64(records))
	m.took.Observe(seconds)
}

// Synced implements journal.Observer.
func (m *Journal) Synced(seconds float64) { m.synced.Observe(seconds) }

// Failed implements journal.Observer.
func (m *Journal) Failed(error) { m.failures.Inc() }

// Damaged implements journal.Observer.
func (m *Journal) Damaged(string) { m.damages.Inc() }
