package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"millrace/app"
)

// Ledger shows what the ledger said when it was last asked. Before that, and
// while it cannot be asked, its gauges have no series but for the time of the
// last answer.
type Ledger struct {
	gaps, missing, overlaps, doubled *prometheus.GaugeVec
	pending, duplicates              *prometheus.GaugeVec
	quarantine                       *prometheus.GaugeVec // by state
	checked                          prometheus.Gauge
	failures                         prometheus.Counter
	took                             prometheus.Histogram
}

// NewLedger registers the metrics of the ledger.
func NewLedger(r prometheus.Registerer) *Ledger {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	return &Ledger{
		gaps:       gauge("ledger_gaps", "Runs of numbers that shippers gave and that are neither stored nor in quarantine."),
		missing:    gauge("ledger_missing_logs", "Logs in these gaps."),
		overlaps:   gauge("ledger_overlaps", "Runs of numbers that more than one batch has."),
		doubled:    gauge("ledger_doubled_logs", "Logs in these overlaps."),
		pending:    gauge("ledger_pending_logs", "Logs that were accepted and are on their way to PostgreSQL, as far as is known."),
		duplicates: gauge("ledger_refused_batches", "Deliveries of batches that were stored already, since the ledger began."),
		quarantine: gauge("quarantine_logs", "Logs that could not be stored, by what became of them: held, replayed or discarded.", "state"),
		checked: promauto.With(r).NewGauge(prometheus.GaugeOpts{
			Name: "ledger_checked_timestamp_seconds", Help: "When the ledger was last looked through for gaps; 0 for not yet.",
		}),
		failures: promauto.With(r).NewCounter(prometheus.CounterOpts{
			Name: "ledger_check_failures_total", Help: "Times that the ledger could not be looked through.",
		}),
		took: promauto.With(r).NewHistogram(prometheus.HistogramOpts{
			Name: "ledger_check_duration_seconds", Help: "Time of looking through the ledger.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}),
	}
}

// Observe shows a summary, or counts the failure to make one.
func (l *Ledger) Observe(sum app.LedgerSummary, took time.Duration, err error) {
	if err != nil {
		l.failures.Inc()
		return
	}
	for gauge, value := range map[*prometheus.GaugeVec]uint64{
		l.gaps: sum.Gaps, l.missing: sum.Missing, l.overlaps: sum.Overlaps, l.doubled: sum.Doubled,
		l.pending: sum.Pending, l.duplicates: sum.Duplicates,
	} {
		gauge.WithLabelValues().Set(float64(value))
	}
	for state, logs := range map[string]uint64{"held": sum.Quarantined, "replayed": sum.Replayed, "discarded": sum.Discarded} {
		l.quarantine.WithLabelValues(state).Set(float64(logs))
	}
	l.took.Observe(took.Seconds())
	l.checked.SetToCurrentTime()
}
