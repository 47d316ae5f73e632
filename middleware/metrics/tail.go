package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Tails counts what those who follow are told. It is an app.TailObserver.
type Tails struct {
	registry                     prometheus.Registerer
	told, missed, gone, refusals prometheus.Counter
}

// NewTails registers the metrics of tails.
func NewTails(r prometheus.Registerer) *Tails {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Tails{
		registry: r,
		told:     counter("tail_logs_sent_total", "Logs that were sent to those who follow."),
		missed:   counter("tail_logs_missed_total", "Logs that came faster than one who follows read them, and were not sent."),
		gone:     counter("tail_batches_gone_total", "Batches that one who came back asked for, and that Kafka does not keep any more."),
		refusals: counter("tails_refused_total", "Tails that were refused since there were as many as there may be."),
	}
}

// Watch registers the number of tails that are open.
func (t *Tails) Watch(open func() int) {
	promauto.With(t.registry).NewGaugeFunc(prometheus.GaugeOpts{Name: "tails_open", Help: "Tails that are open now."}, func() float64 { return float64(open()) })
}

// Told implements app.TailObserver.
func (t *Tails) Told(logs int) { t.told.Add(float64(logs)) }

// Missed implements app.TailObserver.
func (t *Tails) Missed(logs int64) { t.missed.Add(float64(logs)) }

// Gone implements app.TailObserver.
func (t *Tails) Gone(batches int64) { t.gone.Add(float64(batches)) }

// Refused implements app.TailObserver.
func (t *Tails) Refused() { t.refusals.Inc() }
