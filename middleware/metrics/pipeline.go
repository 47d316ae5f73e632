// Package metrics holds the counters of the pipeline that no library keeps for
// us, under the names of the system that Millrace follows. Every type takes
// the registry it counts in, and is safe for concurrent use.
//
//	producer  logs_generated_total
//	shipper   logs_received_total, received_bytes_total, requests_refused_total, logs_sent_total, batches_sent_total, batches_sealed_total, batch_size_logs, batch_age_seconds,
//	          batch_flush_duration_seconds, buffer_size, buffer_remaining_capacity, logs_dropped_total, kafka_send_failures_total
//	consumer  logs_stored_total, batches_stored_total, batches_duplicate_total
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"millrace/app"
)

// NewRegistry returns a registry with the metrics of Go and of the process.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// Producer counts what the producer makes.
type Producer struct{ generated prometheus.Counter }

// NewProducer registers the producer's metrics.
func NewProducer(r prometheus.Registerer) *Producer {
	return &Producer{promauto.With(r).NewCounter(prometheus.CounterOpts{
		Name: "logs_generated_total", Help: "Synthetic logs made.",
	})}
}

// Generated counts n logs.
func (p *Producer) Generated(n int) { p.generated.Add(float64(n)) }

// Consumer counts what the consumer stores.
type Consumer struct {
	logs, batches, duplicates prometheus.Counter
}

// NewConsumer registers the consumer's metrics.
func NewConsumer(r prometheus.Registerer) *Consumer {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Consumer{
		logs:       counter("logs_stored_total", "Logs written to PostgreSQL."),
		batches:    counter("batches_stored_total", "Batches written to PostgreSQL."),
		duplicates: counter("batches_duplicate_total", "Batches that came again and were not written a second time."),
	}
}

// Stored counts one batch that is in the store.
func (c *Consumer) Stored(_ app.BatchHead, receipt app.Receipt) {
	if receipt.Duplicate {
		c.duplicates.Inc()
		return
	}
	c.batches.Inc()
	c.logs.Add(float64(receipt.Stored))
}
