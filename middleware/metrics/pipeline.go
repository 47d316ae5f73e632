// Package metrics holds the counters of the pipeline that no library keeps for
// us, under the names of the system that Millrace follows. Every type takes
// the registry it counts in, and is safe for concurrent use. What they count
// is described in docs/observability.md.
//
//	pipeline.go    the registry, the producer, and how old logs are at each stage
//	intake.go      requests to the shipper
//	batching.go    batches: how they were sealed, how full, how long they took
//	journal.go     the journal
//	breaker.go     the circuit breaker
//	kafka.go       the Kafka client's traffic, and how far the consumers are behind
//	store.go       what the consumer stores
//	quarantine.go  what was set aside
//	ledger.go      what the ledger says is missing
//	http.go        requests to any role, and what the cache answered
//	access.go      who was not let in
//	tail.go        those who follow
//
// Labels are bounded: a label's values are all known, or there are as many as
// there are partitions or routes.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// NewRegistry returns a registry with the metrics of Go and of the process.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
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

// newAges registers the age of logs at some stages of their way, and returns
// what observes each, in order. The stages are shipped (Kafka has them), stored
// (PostgreSQL has them, and queries find them) and visible (the newest logs in
// Redis show them). The age is that of a batch's first log, its oldest, since it
// was accepted: no log of the batch took longer.
func newAges(r prometheus.Registerer, stages ...string) []prometheus.Observer {
	ages := promauto.With(r).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "log_age_seconds",
		Help:    "Time since the first log of a batch was accepted, when the batch came to a stage.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 7, 10, 15, 30, 60, 120, 300, 900, 3600},
	}, []string{"stage"})
	observers := make([]prometheus.Observer, len(stages))
	for i, stage := range stages {
		observers[i] = ages.WithLabelValues(stage)
	}
	return observers
}
