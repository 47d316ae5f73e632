package metrics

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"millrace/app"
)

// Consumer counts what the consumer stores.
type Consumer struct {
	logs, repaired, apart, batches, duplicates prometheus.Counter
	poisoned                                   prometheus.Counter
	took, copied                               prometheus.Histogram
	stored, visible                            prometheus.Observer
}

// NewConsumer registers the consumer's metrics.
func NewConsumer(r prometheus.Registerer) *Consumer {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return promauto.With(r).NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)})
	}
	ages := newAges(r, "stored", "visible")
	return &Consumer{
		logs:       counter("logs_stored_total", "Logs written to PostgreSQL."),
		repaired:   counter("logs_repaired_total", "Logs that PostgreSQL could not hold as they were, stored with what they had before beside them."),
		apart:      counter("logs_quarantined_total", "Logs that PostgreSQL refused for good, set aside alone while their batch was stored."),
		batches:    counter("batches_stored_total", "Batches written to PostgreSQL."),
		duplicates: counter("batches_duplicate_total", "Batches that came again and were not written a second time."),
		poisoned:   counter("batches_quarantined_total", "Records that can never be stored, set aside with their reason."),
		took:       histogram("store_transaction_duration_seconds", "Time of the transaction that stores a batch."),
		copied:     histogram("store_copy_duration_seconds", "Time of writing a batch's logs within it (COPY)."),
		stored:     ages[0],
		visible:    ages[1],
	}
}

// Stored counts one batch that is in the store.
func (c *Consumer) Stored(head app.BatchHead, receipt app.Receipt) {
	if receipt.Duplicate {
		c.duplicates.Inc()
		return
	}
	c.batches.Inc()
	c.logs.Add(float64(receipt.Stored))
	c.repaired.Add(float64(receipt.Repaired))
	c.apart.Add(float64(receipt.Apart))
	c.took.Observe(receipt.Took.Seconds())
	c.copied.Observe(receipt.Copied.Seconds())
	observeAge(c.stored, head.AcceptedAt())
}

// Visible counts one batch whose logs are among the newest that Redis shows, if
// they are new enough.
func (c *Consumer) Visible(event app.StoredEvent) { observeAge(c.visible, event.AcceptedAt) }

func observeAge(o prometheus.Observer, accepted time.Time) {
	if !accepted.IsZero() {
		// Two clocks may differ: nothing arrives before it was sent.
		o.Observe(max(0, time.Since(accepted).Seconds()))
	}
}

// Quarantine returns a publisher that counts the messages that the next one
// took.
func (c *Consumer) Quarantine(next message.Publisher) message.Publisher {
	return &counted{next, c.poisoned}
}

type counted struct {
	message.Publisher
	taken prometheus.Counter
}

// Publish implements message.Publisher.
func (p *counted) Publish(topic string, messages ...*message.Message) error {
	err := p.Publisher.Publish(topic, messages...)
	if err == nil {
		p.taken.Add(float64(len(messages)))
	}
	return err
}
