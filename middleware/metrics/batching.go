package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"millrace/middleware/batching"
	"millrace/middleware/breaker"
)

// Batching counts what a batching.Publisher does. It is its Observer.
type Batching struct {
	registry prometheus.Registerer
	limits   Limits

	logs, dropped, rejected, poisoned prometheus.Counter
	batches, failures                 prometheus.Counter
	sealed                            *prometheus.CounterVec // by trigger
	size, bytes, fill, took, age      prometheus.Histogram
	shipped                           prometheus.Observer
}

// Limits are what a batch may hold at the most.
type Limits struct{ Logs, Bytes int }

// triggers are all of them, so that each has a series from the beginning.
var triggers = []batching.Trigger{batching.BySize, batching.ByBytes, batching.ByDelay, batching.ByClose, batching.BySplit, batching.ByCrash}

// NewBatching registers the metrics of batching.
func NewBatching(r prometheus.Registerer, limits Limits) *Batching {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return promauto.With(r).NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	b := &Batching{
		registry: r,
		limits:   limits,
		logs:     counter("logs_sent_total", "Logs that Kafka took."),
		dropped:  counter("logs_dropped_total", "Logs dropped because the buffer was full (batching-when-full=drop)."),
		rejected: counter("logs_rejected_total", "Logs refused because the buffer was full (batching-when-full=reject)."),
		poisoned: counter("logs_poisoned_total", "Logs that Kafka will never take, set aside."),
		failures: counter("kafka_send_failures_total", "Tries to send a batch that failed."),
		batches:  counter("batches_sent_total", "Batches that Kafka took."),
		sealed: promauto.With(r).NewCounterVec(prometheus.CounterOpts{
			Name: "batches_sealed_total", Help: "Batches that Kafka took, by what sealed them.",
		}, []string{"trigger"}),
		size:    histogram("batch_size_logs", "Logs in a batch.", []float64{1, 5, 10, 50, 100, 250, 500, 750, 900, 999, 1000, 5000}),
		bytes:   histogram("batch_size_bytes", "Bytes of a batch, uncompressed.", prometheus.ExponentialBuckets(256, 2, 14)),
		fill:    histogram("batch_fill_ratio", "Share that a batch has of what it may hold, of logs or of bytes, whichever is more.", []float64{0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1}),
		took:    histogram("batch_flush_duration_seconds", "Time until Kafka took a batch, tries included.", prometheus.ExponentialBuckets(0.001, 2, 16)),
		age:     histogram("batch_age_seconds", "Age of its first log when a batch was sealed.", []float64{0.01, 0.05, 0.1, 0.5, 1, 2, 4, 5, 6, 10, 30, 60}),
		shipped: newAges(r, "shipped")[0],
	}
	for _, trigger := range triggers {
		b.sealed.WithLabelValues(string(trigger))
	}
	return b
}

// Watch registers the gauges that read the publisher's state.
func (b *Batching) Watch(p *batching.Publisher) {
	gauge := func(name, help string, value func(batching.Stats) int) {
		promauto.With(b.registry).NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			return float64(value(p.Stats()))
		})
	}
	gauge("buffer_size", "Logs that were taken and that Kafka does not have yet.", func(s batching.Stats) int { return s.Units })
	gauge("buffer_remaining_capacity", "Logs that still fit.", func(s batching.Stats) int { return s.Remaining })
	gauge("buffer_bytes", "Bytes of these logs.", func(s batching.Stats) int { return s.Bytes })
}

// Taken implements batching.Observer.
func (b *Batching) Taken(string, int) {}

// Dropped implements batching.Observer.
func (b *Batching) Dropped(_ string, units int) { b.dropped.Add(float64(units)) }

// Rejected implements batching.Observer.
func (b *Batching) Rejected(_ string, units int) { b.rejected.Add(float64(units)) }

// Flushed implements batching.Observer.
func (b *Batching) Flushed(batch batching.Batch, took time.Duration) {
	b.logs.Add(float64(batch.Count))
	b.batches.Inc()
	b.sealed.WithLabelValues(string(batch.Trigger)).Inc()
	b.size.Observe(float64(batch.Count))
	b.bytes.Observe(float64(batch.Bytes))
	b.fill.Observe(max(share(batch.Count, b.limits.Logs), share(batch.Bytes, b.limits.Bytes)))
	b.took.Observe(took.Seconds())
	b.shipped.Observe(time.Since(batch.OpenedAt).Seconds())
	b.age.Observe(batch.SealedAt.Sub(batch.OpenedAt).Seconds())
}

func share(of, limit int) float64 { return float64(of) / float64(max(1, limit)) }

// FlushFailed implements batching.Observer. A batch that the circuit breaker
// kept from Kafka was not tried.
func (b *Batching) FlushFailed(_ batching.Batch, _ int, err error) {
	if !errors.Is(err, breaker.ErrOpen) {
		b.failures.Inc()
	}
}

// Poisoned implements batching.Observer.
func (b *Batching) Poisoned(string, error, bool) { b.poisoned.Inc() }
