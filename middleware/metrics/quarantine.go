package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"millrace/app"
)

// Quarantine counts what was set aside.
type Quarantine struct{ records *prometheus.CounterVec }

// NewQuarantine registers the quarantine's metrics.
func NewQuarantine(r prometheus.Registerer) *Quarantine {
	q := &Quarantine{promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "quarantine_records_total", Help: "Records of the poison topic that the quarantine keeps, by where they failed and why.",
	}, []string{"stage", "reason"})}
	for _, stage := range []string{app.StageShip, app.StageStore, app.StageReplay, app.StageUnknown} {
		for _, reason := range []string{app.ReasonTooLarge, app.ReasonInvalid, app.ReasonConflict, app.ReasonPanic, app.ReasonUnknown} {
			q.records.WithLabelValues(stage, reason) // so that each has a series from the beginning
		}
	}
	return q
}

// Kept counts one record that is in the quarantine.
func (q *Quarantine) Kept(record app.PoisonRecord, kept app.KeptPoison) {
	if !kept.Duplicate {
		q.records.WithLabelValues(record.Stage, record.Reason).Inc()
	}
}
