package main

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/app/otlp"
	"millrace/app/postgres"
	"millrace/handlers"
	"millrace/middleware/metrics"
	"millrace/routers"
)

// projectTimeout is how long the consumer waits for Redis at the least. The
// setting is for those who query, and could ask PostgreSQL instead.
const projectTimeout = 2 * time.Second

// runConsumer stores the batches in PostgreSQL and keeps the newest logs in
// Redis:
//
//	Kafka ─▶ routers.Consumer ─▶ handlers.Store ─▶ PostgreSQL ─▶ routers.Events ─▶ handlers.Project ─▶ Redis
//	              └─▶ logs.poison ─▶ routers.Quarantine ─▶ handlers.Quarantine ─▶ PostgreSQL
//	PostgreSQL ─▶ routers.Replay ─▶ handlers.Replay ─▶ Kafka
//
// When ctx ends it finishes the batches in hand and returns; what it did not
// finish is delivered again.
func runConsumer(ctx context.Context, cfg app.Config) error {
	r := newRole("consumer", cfg)
	defer r.close()
	if err := need(len(cfg.Kafka.Brokers) > 0, "kafka-brokers", "localhost:9092"); err != nil {
		return err
	}
	if err := kafka.EnsureTopics(ctx, cfg.Kafka); err != nil {
		return err
	}
	db, err := openPostgres(ctx, r, 0)
	if err != nil {
		return err
	}
	defer r.closing("PostgreSQL", db.Close)
	cfg.Redis.Timeout = max(cfg.Redis.Timeout, projectTimeout)
	cache, err := openRedis(r, cfg.Redis)
	if err != nil {
		return err
	}
	defer r.closing("Redis", cache.Close)

	counters := metrics.NewConsumer(r.registry)
	batches, poison, err := openRecords(r)
	if err != nil {
		return err
	}
	defer r.closing("the poison publisher", poison.Close)
	store := handlers.NewStore(otlp.Codec{}, db.Store(), counters.Stored)
	consumer, err := routers.Consumer(r.routing(), batches, store, counters.Quarantine(poison))
	if err != nil {
		return err
	}
	quarantine, replay, err := newQuarantineRouters(r, db, poison)
	if err != nil {
		return err
	}

	stored, err := db.Subscriber(r.watermillLogger())
	if err != nil {
		return err
	}
	project := handlers.NewProject(app.NewRecentProjection(db.Reader(), cache), counters.Visible)
	events, err := routers.Events(r.routing(), stored, project)
	if err != nil {
		return err
	}

	e, err := r.newServer(0, kafka.NewCheck(cfg.Kafka), db.Check(), app.Helpful(cache.Check()))
	if err != nil {
		return err
	}
	if err := r.addServer(e, cfg.Consumer.Addr, "consumer-addr"); err != nil {
		return err
	}
	r.addRouter(consumer)
	r.addRouter(quarantine)
	r.addRouter(replay)
	r.addRouter(events)
	r.addLoop(db.Maintain)
	r.addLoop(kafka.NewLag(cfg.Kafka, metrics.NewLag(r.registry).Observe).Run)
	return r.run(ctx)
}

// openRecords connects to Kafka: the batches that come from it, and what can
// never be stored and goes back.
func openRecords(r *role) (batches message.Subscriber, poison message.Publisher, err error) {
	meter := kafka.NewMeter()
	metrics.NewKafka(r.registry, meter.Traffic)
	batches, err = kafka.NewSubscriber(r.cfg.Kafka, r.watermillLogger(), meter.Count)
	if err != nil {
		return nil, nil, err
	}
	records, err := kafka.NewPublisher(r.cfg.Kafka, meter.Count)
	if err != nil {
		return nil, nil, errors.Join(err, batches.Close())
	}
	poison, err = routers.Publisher(r.routing(), records)
	return batches, poison, err
}

// newQuarantineRouters returns the router of what was set aside, a consumer group
// of its own, and the one of what is sent again.
func newQuarantineRouters(r *role, db *postgres.DB, again message.Publisher) (quarantine, replay *message.Router, err error) {
	group := r.cfg.Kafka
	group.Group = group.QuarantineGroup()
	poison, err := kafka.NewSubscriber(group, r.watermillLogger())
	if err != nil {
		return nil, nil, err
	}
	items := db.Quarantine()
	keep := handlers.NewQuarantine(otlp.Codec{}, items, metrics.NewQuarantine(r.registry).Kept)
	if quarantine, err = routers.Quarantine(r.routing(), poison, keep); err != nil {
		return nil, nil, err
	}
	asked, err := db.Subscriber(r.watermillLogger())
	if err != nil {
		return nil, nil, err
	}
	replay, err = routers.Replay(r.routing(), asked, handlers.NewReplay(otlp.Codec{}, items, again, hopelessReason))
	return quarantine, replay, err
}
