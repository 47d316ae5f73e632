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

// Quarantined shows how many items are in the quarantine, as they were last
// counted.
type Quarantined struct{ items *prometheus.GaugeVec }

// NewQuarantined registers the number of items.
func NewQuarantined(r prometheus.Registerer) *Quarantined {
	return &Quarantined{promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{
		Name: "quarantine_items", Help: "Items of the quarantine by what became of them, and why they are there.",
	}, []string{"state", "reason"})}
}

// Observe shows the counts. While nothing can be counted, there is nothing to
// show.
func (q *Quarantined) Observe(counts []app.QuarantineCount, err error) {
	q.items.Reset()
	if err != nil {
		return
	}
	for _, state := range app.QuarantineStates {
		for _, reason := range app.Reasons {
			q.items.WithLabelValues(state, reason).Set(0)
		}
	}
	for _, count := range counts {
		q.items.WithLabelValues(count.State, count.Reason).Set(float64(count.Items))
	}
}
