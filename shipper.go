package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/handlers"
	"millrace/http/control"
	"millrace/http/intake"
	"millrace/middleware/batching"
	"millrace/middleware/breaker"
	"millrace/middleware/journal"
	"millrace/middleware/metrics"
	"millrace/middleware/tracing"
	"millrace/routers"
)

// runShipper takes logs over HTTP and ships them to Kafka in batches:
//
//	HTTP ─▶ intake ─▶ routers.Shipper ─▶ handlers.Ship ─▶ batching.Publisher ─▶ breaker ─▶ Kafka
//	                                                        └─ journal, on disk
//
// When ctx ends it takes no more requests, answers those in hand, flushes what
// is buffered, and returns.
func runShipper(ctx context.Context, cfg app.Config) error {
	r := newRole("shipper", cfg)
	defer r.close()
	if err := need(len(cfg.Kafka.Brokers) > 0, "kafka-brokers", "localhost:9092"); err != nil {
		return err
	}
	out, err := newOutlet(ctx, r)
	if err != nil {
		return err
	}
	defer r.closing("the batching publisher", out.batches.Close)

	requests, err := intake.New(intake.Config{
		Codec:       intakeCodec{},
		Observer:    metrics.NewIntake(r.registry),
		MaxBody:     cfg.Shipper.MaxBody,
		MaxRequests: cfg.Shipper.MaxRequests,
	})
	if err != nil {
		return err
	}
	router, err := routers.Shipper(r.routing(), requests, handlers.NewShip(out.batches))
	if err != nil {
		return err
	}

	e, err := r.newServer(cfg.Shipper.MaxBody, out.forSending(kafka.NewCheck(cfg.Kafka)), app.CheckFunc("intake", requests.Check),
		out.forSending(app.Detailed(app.CheckFunc("breaker", out.checkBreaker), out.tellBreaker)), app.CheckFunc("journal", out.checkJournal))
	if err != nil {
		return err
	}
	document, err := intake.Document()
	if err != nil {
		return err
	}
	if err := document.Mount(e); err != nil {
		return err
	}
	requests.Mount(e)
	control.MountShipper(e, out)
	if err := r.addServer(e, cfg.Shipper.Addr, "shipper-addr"); err != nil {
		return err
	}
	r.addRouter(router)
	return r.run(ctx)
}

// newRecordPublisher returns Kafka's publisher. A shipper with a journal does
// not need Kafka to start: what it holds must not wait for what it can do.
func newRecordPublisher(ctx context.Context, r *role) (message.Publisher, error) {
	meter := kafka.NewMeter()
	metrics.NewKafka(r.registry, meter.Traffic)
	err := kafka.EnsureTopics(ctx, r.cfg.Kafka)
	switch {
	case err == nil:
		return kafka.NewPublisher(r.cfg.Kafka, meter.Count)
	case acknowledge[r.cfg.Batching.Acknowledge] != batching.Journaled || app.KindOf(err) != app.KindUnavailable:
		return nil, err
	}
	r.logger.Warn("logs go into the journal until Kafka can be used", "error", err)
	return kafka.NewPatientPublisher(r.cfg.Kafka, meter.Count), nil
}

// outlet is how batches leave the shipper. Closing the batching publisher
// flushes, and closes the journal and Kafka's publisher.
type outlet struct {
	batches *batching.Publisher
	breaker *breaker.Publisher
	journal *journal.Journal // nil without one
}

func newOutlet(ctx context.Context, r *role) (*outlet, error) {
	out := &outlet{}
	records, err := newRecordPublisher(ctx, r)
	if err != nil {
		return nil, err
	}
	measured, err := routers.Publisher(r.routing(), records)
	if err != nil {
		return nil, err
	}
	out.breaker = breaker.New(measured, breaker.Config{IsHealthy: kafka.IsPermanent, Changed: metrics.NewBreaker(r.registry)})
	cfg := r.cfg.Batching
	counters := metrics.NewBatching(r.registry, metrics.Limits{Logs: cfg.MaxBatchSize, Bytes: cfg.MaxBytes})
	out.batches, err = batching.New(tracing.Publisher(r.tracing, out.breaker), batching.Config{
		MaxMessages:     cfg.MaxBatchSize,
		MaxDelay:        cfg.MaxDelay,
		MaxBytes:        cfg.MaxBytes,
		BufferLimit:     cfg.BufferCapacity,
		BufferBytes:     cfg.BufferBytes,
		WhenFull:        whenFull[cfg.WhenFull],
		Acknowledge:     acknowledge[cfg.Acknowledge],
		OpenJournal:     openJournal(r, metrics.NewJournal(r.registry), func(j *journal.Journal) { out.journal = j }),
		JournaledTopics: []string{app.TopicLogs},
		MaxTogether:     cfg.Together,
		Count:           countLogs,
		Split:           splitLogs,
		Pack:            tracing.Pack(r.tracing, out.pack),
		IsTooLarge:      kafka.IsTooLarge,
		IsPermanent:     kafka.IsPermanent,
		PoisonTopic:     app.TopicPoison,
		Mark:            markPoisoned,
		LastResort:      keepRefused(r.cfg.DataDir),
		CloseTimeout:    r.cfg.Shutdown,
		Observer:        counters,
		Logger:          r.logger,
	})
	if err != nil {
		return nil, err
	}
	counters.Watch(out.batches)
	return out, nil
}

// pack makes the record of a batch, which tells the last number that was given
// by then: numbers behind the last batch that arrives are missed by the ledger.
func (o *outlet) pack(batch batching.Batch) (*message.Message, error) {
	head := headOf(batch)
	if o.journal != nil {
		if s := o.journal.Stats(); s.Sequence == batch.Sequence {
			head.Accepted = max(s.Accepted, head.Last())
		}
	}
	return packBatch(batch, head), nil
}

// State implements control.Shipper.
func (o *outlet) State() (app.ShipperState, bool) {
	if o.journal == nil {
		return app.ShipperState{}, false
	}
	s := o.journal.Stats()
	held := fmt.Appendf(nil, `{"logs":%d,"bytes":%d,"limit":%d}`, s.Units, s.Bytes, s.Limit)
	return app.ShipperState{
		ID: s.Sequence, Accepted: s.Accepted, Sealed: s.Sealed, Shipped: s.Acked,
		Journal: held, Breaker: string(o.breaker.State()),
	}, s.Sequence != ""
}

// forSending returns a check of what it takes to send. With a journal that has
// room, logs are taken without.
func (o *outlet) forSending(c app.Check) app.Check {
	if o.journal == nil {
		return c
	}
	return app.Helpful(c)
}

func (o *outlet) checkBreaker(context.Context) error {
	if o.breaker.State() == breaker.Open {
		return errors.New("open: Kafka failed several times in a row; it is tried again every few seconds")
	}
	return nil
}

// tellBreaker is what health tells of the breaker.
func (o *outlet) tellBreaker() map[string]string {
	state := o.breaker.State()
	count, last := o.breaker.Changes()
	told := make([]string, len(last))
	for i, c := range last {
		told[i] = fmt.Sprintf("%s %s to %s", c.At.UTC().Format(time.RFC3339), c.From, c.To)
	}
	details := map[string]string{"state": string(state), "changes": strconv.Itoa(count)}
	if count > 0 {
		details["last"] = strings.Join(told, ", ")
	}
	return details
}

func (o *outlet) checkJournal(context.Context) error {
	if o.journal == nil {
		return nil
	}
	if s := o.journal.Stats(); s.Bytes >= s.Limit {
		return fmt.Errorf("full: it holds %d bytes and may hold %d (settings journal-max-bytes, journal-disk-share)", s.Bytes, s.Limit)
	}
	return nil
}

var (
	whenFull    = map[string]batching.WhenFull{"reject": batching.Reject, "block": batching.Block, "drop": batching.Drop}
	acknowledge = map[string]batching.Acknowledge{"journaled": batching.Journaled, "flushed": batching.Flushed, "buffered": batching.Buffered}
)
