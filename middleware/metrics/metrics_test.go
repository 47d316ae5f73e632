package metrics_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/middleware/batching"
	"millrace/middleware/breaker"
	"millrace/middleware/journal"
	"millrace/middleware/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// expect compares some families with their text. The package's comment in the
// expectation is left out: # HELP and # TYPE are compared as well.
func expect(t *testing.T, r *prometheus.Registry, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(r, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// Everything that is registered has a name and a text as Prometheus' own linter
// wants them, and no two collide.
func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	r := metrics.NewRegistry()
	metrics.NewProducer(r).Generated(1)
	metrics.NewIntake(r).Received("json", 1, 10)
	b := metrics.NewBatching(r, metrics.Limits{Logs: 10, Bytes: 100})
	b.Flushed(batching.Batch{Count: 1, Trigger: batching.BySize}, time.Second)
	j := metrics.NewJournal(r)
	j.Wrote(1, 2, 0.1)
	j.Synced(0.1)
	j.Watch(func() journal.Stats { return journal.Stats{Bytes: 5, Limit: 10, Oldest: time.Now()} })
	metrics.NewBreaker(r)(breaker.Closed, breaker.Open)
	metrics.NewKafka(r, func() app.Traffic { return app.Traffic{Requests: map[string]int64{"produce": 1}} })
	metrics.NewLag(r).Observe([]app.PartitionLag{{Topic: "logs", Partition: 3, Records: 7}}, nil)
	metrics.NewLedger(r).Observe(app.LedgerSummary{}, time.Second, nil)
	metrics.NewQuarantine(r).Kept(app.PoisonRecord{}, app.KeptPoison{})
	metrics.NewHTTP(r).Answered("GET", "/api/logs", 200, time.Second, "hit")
	tails := metrics.NewTails(r)
	tails.Told(1)
	tails.Watch(func() int { return 3 })
	metrics.NewAccess(r, []string{"rate"})("rate")
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	consumer := prometheus.NewRegistry() // has ages of its own
	metrics.NewConsumer(consumer).Stored(app.BatchHead{}, app.Receipt{})
	if problems, err := testutil.GatherAndLint(consumer); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

func TestABatchIsAsFullAsItsFullerMeasure(t *testing.T) {
	r := prometheus.NewRegistry()
	b := metrics.NewBatching(r, metrics.Limits{Logs: 1000, Bytes: 900})
	b.Flushed(batching.Batch{Count: 20, Bytes: 900, Trigger: batching.ByBytes}, 0)
	b.Flushed(batching.Batch{Count: 500, Bytes: 9, Trigger: batching.ByDelay}, 0)
	expect(t, r, `
# HELP batch_fill_ratio Share that a batch has of what it may hold, of logs or of bytes, whichever is more.
# TYPE batch_fill_ratio histogram
batch_fill_ratio_bucket{le="0.01"} 0
batch_fill_ratio_bucket{le="0.05"} 0
batch_fill_ratio_bucket{le="0.1"} 0
batch_fill_ratio_bucket{le="0.25"} 0
batch_fill_ratio_bucket{le="0.5"} 1
batch_fill_ratio_bucket{le="0.75"} 1
batch_fill_ratio_bucket{le="0.9"} 1
batch_fill_ratio_bucket{le="0.95"} 1
batch_fill_ratio_bucket{le="0.99"} 1
batch_fill_ratio_bucket{le="1"} 2
batch_fill_ratio_bucket{le="+Inf"} 2
batch_fill_ratio_sum 1.5
batch_fill_ratio_count 2
# HELP batches_sealed_total Batches that Kafka took, by what sealed them.
# TYPE batches_sealed_total counter
batches_sealed_total{trigger="bytes"} 1
batches_sealed_total{trigger="close"} 0
batches_sealed_total{trigger="crash"} 0
batches_sealed_total{trigger="delay"} 1
batches_sealed_total{trigger="size"} 0
batches_sealed_total{trigger="split"} 0
`, "batch_fill_ratio", "batches_sealed_total")
}

// publisher fails as it is told.
type publisher struct{ err error }

func (p *publisher) Publish(string, ...*message.Message) error { return p.err }
func (*publisher) Close() error                                { return nil }

func TestTheConsumerCountsWhatBecameOfBatches(t *testing.T) {
	r := prometheus.NewRegistry()
	c := metrics.NewConsumer(r)
	c.Stored(app.BatchHead{OpenedAt: time.Now().Add(-time.Hour)}, app.Receipt{Stored: 10, Repaired: 2, Apart: 1})
	c.Stored(app.BatchHead{ShippedAt: time.Now().Add(time.Hour)}, app.Receipt{Stored: 5}) // another's clock
	c.Stored(app.BatchHead{}, app.Receipt{Duplicate: true})
	c.Visible(app.StoredEvent{}) // an event of an earlier release
	aside := &publisher{err: errors.New("away")}
	quarantine := c.Quarantine(aside)
	_ = quarantine.Publish("t", message.NewMessage("1", nil))
	aside.err = nil
	_ = quarantine.Publish("t", message.NewMessage("1", nil), message.NewMessage("2", nil))
	expect(t, r, `
# HELP batches_duplicate_total Batches that came again and were not written a second time.
# TYPE batches_duplicate_total counter
batches_duplicate_total 1
# HELP batches_quarantined_total Records that can never be stored, set aside with their reason.
# TYPE batches_quarantined_total counter
batches_quarantined_total 2
# HELP batches_stored_total Batches written to PostgreSQL.
# TYPE batches_stored_total counter
batches_stored_total 2
# HELP logs_quarantined_total Logs that PostgreSQL refused for good, set aside alone while their batch was stored.
# TYPE logs_quarantined_total counter
logs_quarantined_total 1
# HELP logs_repaired_total Logs that PostgreSQL could not hold as they were, stored with what they had before beside them.
# TYPE logs_repaired_total counter
logs_repaired_total 2
# HELP logs_stored_total Logs written to PostgreSQL.
# TYPE logs_stored_total counter
logs_stored_total 15
`, "batches_duplicate_total", "batches_quarantined_total", "batches_stored_total", "logs_quarantined_total", "logs_repaired_total", "logs_stored_total")
	for stage, want := range map[string][2]float64{"stored": {2, 3600}, "visible": {0, 0}} {
		count, sum := age(t, r, stage)
		if count != want[0] || sum < want[1] || sum > want[1]+60 {
			t.Errorf("%s: %v batches, %v s", stage, count, sum)
		}
	}
}

// age returns how many ages were observed at a stage, and their sum.
func age(t *testing.T, r *prometheus.Registry, stage string) (count, sum float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "log_age_seconds" && m.GetLabel()[0].GetValue() == stage {
				return float64(m.GetHistogram().GetSampleCount()), m.GetHistogram().GetSampleSum()
			}
		}
	}
	t.Fatalf("no age at stage %s", stage)
	return 0, 0
}

func TestWhatClientsSendMakesNoLabels(t *testing.T) {
	r := prometheus.NewRegistry()
	h := metrics.NewHTTP(r)
	for _, method := range []string{"BREW", "get", "<script>"} {
		h.Answered(method, "", 405, 0, "")
	}
	h.Answered("GET", "/api/logs", 200, 0, "miss")
	h.Answered("GET", "/api/logs", 200, 0, "anything else")
	if n := testutil.CollectAndCount(r, "http_request_duration_seconds"); n != 2 {
		t.Errorf("%d series", n)
	}
	expect(t, r, `
# HELP cache_answers_total Queries that the cache might answer, by what it did: hit, stale, miss or bypass.
# TYPE cache_answers_total counter
cache_answers_total{result="miss",route="/api/logs"} 1
`, "cache_answers_total")
}

func TestALagThatIsNotKnownIsNotShown(t *testing.T) {
	r := prometheus.NewRegistry()
	lag := metrics.NewLag(r)
	lag.Observe([]app.PartitionLag{{Topic: "logs", Partition: 0, Records: 4}, {Topic: "logs", Partition: 1}}, nil)
	expect(t, r, `
# HELP kafka_consumer_lag Records of a partition that the consumer group has not stored yet.
# TYPE kafka_consumer_lag gauge
kafka_consumer_lag{partition="0",topic="logs"} 4
kafka_consumer_lag{partition="1",topic="logs"} 0
`, "kafka_consumer_lag")
	lag.Observe(nil, errors.New("no Kafka answers"))
	expect(t, r, `
# HELP kafka_consumer_lag_failures_total Times that Kafka could not be asked for the lag; it is not shown then.
# TYPE kafka_consumer_lag_failures_total counter
kafka_consumer_lag_failures_total 1
`)
}

func TestTheLedgerShowsNothingBeforeItWasRead(t *testing.T) {
	r := prometheus.NewRegistry()
	l := metrics.NewLedger(r)
	l.Observe(app.LedgerSummary{}, 0, errors.New("away"))
	if n := testutil.CollectAndCount(r, "ledger_gaps", "quarantine_logs"); n != 0 {
		t.Errorf("%d series of a ledger that nobody read", n)
	}
	l.Observe(app.LedgerSummary{Gaps: 1, Missing: 7, Quarantined: 3}, time.Second, nil)
	expect(t, r, `
# HELP ledger_missing_logs Logs in these gaps.
# TYPE ledger_missing_logs gauge
ledger_missing_logs 7
# HELP quarantine_logs Logs that could not be stored, by what became of them: held, replayed or discarded.
# TYPE quarantine_logs gauge
quarantine_logs{state="discarded"} 0
quarantine_logs{state="held"} 3
quarantine_logs{state="replayed"} 0
`, "ledger_missing_logs", "quarantine_logs")
}
