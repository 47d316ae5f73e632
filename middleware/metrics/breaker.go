package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"millrace/middleware/breaker"
)

// NewBreaker registers the metrics of a circuit breaker, and returns what is to
// be told of its changes.
func NewBreaker(r prometheus.Registerer) (changed func(from, to breaker.State)) {
	state := promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{
		Name: "kafka_breaker_state", Help: "1 for the state that the circuit breaker in front of Kafka is in.",
	}, []string{"state"})
	changes := promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "kafka_breaker_changes_total", Help: "Changes of the circuit breaker's state, by the new one.",
	}, []string{"state"})
	for _, s := range breaker.States {
		state.WithLabelValues(string(s)).Set(0)
		changes.WithLabelValues(string(s))
	}
	state.WithLabelValues(string(breaker.Closed)).Set(1)
	return func(from, to breaker.State) {
		state.WithLabelValues(string(from)).Set(0)
		state.WithLabelValues(string(to)).Set(1)
		changes.WithLabelValues(string(to)).Inc()
	}
}
