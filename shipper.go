package main

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/handlers"
	"millrace/http/intake"
	"millrace/middleware/batching"
	"millrace/middleware/breaker"
	"millrace/middleware/metrics"
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
	if err := need(len(cfg.Kafka.Brokers) > 0, "kafka-brokers", "localhost:9092"); err != nil {
		return err
	}
	batches, err := newBatchPublisher(ctx, r)
	if err != nil {
		return err
	}
	defer r.closing("the batching publisher", batches.Close)

	requests, err := intake.New(intake.Config{
		Codec:       intakeCodec{},
		Observer:    metrics.NewIntake(r.registry),
		MaxBody:     cfg.Shipper.MaxBody,
		MaxRequests: cfg.Shipper.MaxRequests,
	})
	if err != nil {
		return err
	}
	router, err := routers.Shipper(r.routing(), requests, handlers.NewShip(batches))
	if err != nil {
		return err
	}

	e, err := r.newServer(cfg.Shipper.MaxBody, kafka.NewCheck(cfg.Kafka), app.CheckFunc("intake", requests.Check))
	if err != nil {
		return err
	}
	requests.Mount(e)
	if err := r.addServer(e, cfg.Shipper.Addr, "shipper-addr"); err != nil {
		return err
	}
	r.addRouter(router)
	return r.run(ctx)
}

// newRecordPublisher returns Kafka's publisher. A shipper with a journal does
// not need Kafka to start: what it holds must not wait for what it can do.
func newRecordPublisher(ctx context.Context, r *role) (message.Publisher, error) {
	err := kafka.EnsureTopics(ctx, r.cfg.Kafka)
	switch {
	case err == nil:
		return kafka.NewPublisher(r.cfg.Kafka)
	case acknowledge[r.cfg.Batching.Acknowledge] != batching.Journaled || app.KindOf(err) != app.KindUnavailable:
		return nil, err
	}
	r.logger.Warn("logs go into the journal until Kafka can be used", "error", err)
	return kafka.NewPatientPublisher(r.cfg.Kafka), nil
}

// newBatchPublisher returns the batching publisher over Kafka. Closing it
// flushes, and closes Kafka's publisher.
func newBatchPublisher(ctx context.Context, r *role) (*batching.Publisher, error) {
	records, err := newRecordPublisher(ctx, r)
	if err != nil {
		return nil, err
	}
	measured, err := routers.Publisher(r.routing(), records)
	if err != nil {
		return nil, err
	}
	guarded := breaker.New(measured, breaker.Config{IsHealthy: kafka.IsPermanent, Changed: metrics.NewBreaker(r.registry)})
	cfg := r.cfg.Batching
	counters := metrics.NewBatching(r.registry)
	batches, err := batching.New(guarded, batching.Config{
		MaxMessages:     cfg.MaxBatchSize,
		MaxDelay:        cfg.MaxDelay,
		MaxBytes:        cfg.MaxBytes,
		BufferLimit:     cfg.BufferCapacity,
		BufferBytes:     cfg.BufferBytes,
		WhenFull:        whenFull[cfg.WhenFull],
		Acknowledge:     acknowledge[cfg.Acknowledge],
		OpenJournal:     openJournal(r, metrics.NewJournal(r.registry)),
		JournaledTopics: []string{app.TopicLogs},
		MaxTogether:     cfg.Together,
		Count:           countLogs,
		Split:           splitLogs,
		Pack:            packBatch,
		IsTooLarge:      kafka.IsTooLarge,
		IsPermanent:     kafka.IsPermanent,
		PoisonTopic:     app.TopicPoison,
		CloseTimeout:    r.cfg.Shutdown,
		Observer:        counters,
		Logger:          r.logger,
	})
	if err != nil {
		return nil, err
	}
	counters.Watch(batches)
	return batches, nil
}

var (
	whenFull    = map[string]batching.WhenFull{"reject": batching.Reject, "block": batching.Block, "drop": batching.Drop}
	acknowledge = map[string]batching.Acknowledge{"journaled": batching.Journaled, "flushed": batching.Flushed, "buffered": batching.Buffered}
)
