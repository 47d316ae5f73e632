package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// NewAccess registers the metric of requests that were not let in, and returns
// what counts one, by one of the reasons.
func NewAccess(r prometheus.Registerer, reasons []string) (refused func(reason string)) {
	refusals := promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "access_refusals_total", Help: "Requests that were not let in, by why.",
	}, []string{"reason"})
	for _, reason := range reasons {
		refusals.WithLabelValues(reason) // so that each has a series from the beginning
	}
	return func(reason string) { refusals.WithLabelValues(reason).Inc() }
}
