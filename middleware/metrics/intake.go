package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Intake counts requests. It is the Observer of http/intake.
type Intake struct {
	received prometheus.Counter
	bytes    *prometheus.CounterVec // by format
	refused  *prometheus.CounterVec // by reason
}

// NewIntake registers the metrics of intake.
func NewIntake(r prometheus.Registerer) *Intake {
	vec := func(name, help, label string) *prometheus.CounterVec {
		return promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	in := &Intake{
		received: promauto.With(r).NewCounter(prometheus.CounterOpts{Name: "logs_received_total", Help: "Logs taken from clients."}),
		bytes:    vec("received_bytes_total", "Bytes of bodies taken, decompressed, by format.", "format"),
		refused:  vec("requests_refused_total", "Requests refused, by reason.", "reason"),
	}
	for _, reason := range reasons {
		in.refused.WithLabelValues(reason)
	}
	for _, format := range formats {
		in.bytes.WithLabelValues(format)
	}
	return in
}

// What intake.Observer is told, so that each has a series from the beginning.
var (
	formats = []string{"json", "ndjson", "otlp_proto", "otlp_json"}
	reasons = []string{"invalid", "too_large", "unsupported", "busy", "full", "unavailable", "timeout", "conflict", "internal"}
)

// Received implements intake.Observer.
func (i *Intake) Received(format string, logs, bytes int) {
	i.received.Add(float64(logs))
	i.bytes.WithLabelValues(format).Add(float64(bytes))
}

// Refused implements intake.Observer.
func (i *Intake) Refused(reason string, _ int) { i.refused.WithLabelValues(reason).Inc() }
