package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/app/otlp"
	"millrace/app/postgres"
	"millrace/app/synthetic"
	"millrace/handlers"
	"millrace/routers"
)

const (
	batchLogs = 1000
	// batches are stored in each turn.
	batches = 300
)

// measureConsuming compares the consumer, from Kafka to the commit, with a bare
// COPY of the very same rows into the same table, one transaction for each
// thousand.
func measureConsuming(ctx context.Context, report *report, brokers []string, postgresURL string) error {
	cfg := app.DefaultConfig()
	cfg.Kafka.Brokers = brokers
	if err := kafka.EnsureTopics(ctx, cfg.Kafka); err != nil {
		return err
	}
	if err := shipBatches(cfg.Kafka); err != nil {
		return err
	}
	var consumer, bare float64
	var rows [][]byte
	for round := range rounds {
		db, at, err := newDatabase(ctx, postgresURL, fmt.Sprintf("consume_%d", round))
		if err != nil {
			return err
		}
		cfg.Kafka.Group = fmt.Sprintf("bench-%d", round)
		speed, err := consume(ctx, cfg, db)
		if err != nil {
			return err
		}
		consumer += speed / rounds
		if rows, err = storedRows(ctx, at); err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
		if db, at, err = newDatabase(ctx, postgresURL, fmt.Sprintf("bare_%d", round)); err != nil {
			return err
		}
		if speed, err = bareCopy(ctx, at, rows); err != nil {
			return err
		}
		bare += speed / rounds
		if err := db.Close(); err != nil {
			return err
		}
	}
	report.add("consumer throughput as a share of a bare COPY", "logs/s", consumer, bare, consumer/bare, 0.8)
	return nil
}

// shipBatches puts the batches on the topic.
func shipBatches(cfg app.KafkaConfig) error {
	pub, err := kafka.NewPublisher(cfg)
	if err != nil {
		return err
	}
	defer pub.Close()
	generator := synthetic.New(1)
	logs := make([]app.Log, batchLogs)
	for n := range batches {
		for i := range logs {
			logs[i] = generator.Next(time.Now())
		}
		payload, err := otlp.Encode(logs)
		if err != nil {
			return err
		}
		head := app.BatchHead{Shipper: "bench", First: uint64(n*batchLogs + 1), Count: batchLogs, SealedAt: time.Now()}
		msg := message.NewMessage(head.ID(), payload)
		msg.Metadata = head.Metadata()
		if err := pub.Publish(app.TopicLogs, msg); err != nil {
			return err
		}
	}
	return nil
}

// newDatabase makes a database with our schema and this day's partition.
func newDatabase(ctx context.Context, server, name string) (*postgres.DB, string, error) {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return nil, "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, "", err
	}
	at, err := url.Parse(server)
	if err != nil {
		return nil, "", err
	}
	at.Path = name
	db, err := postgres.Open(ctx, postgres.Config{URL: at.String(), MaxConns: 8, Retention: 30 * 24 * time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, "", err
	}
	warm := app.Batch{
		BatchHead: app.BatchHead{Shipper: "warm", First: 1, Count: 1},
		Logs:      func(yield func(*app.Log, error) bool) { yield(&app.Log{Time: time.Now(), Level: app.LevelInfo}, nil) },
	}
	_, err = db.Store().Store(ctx, warm)
	return db, at.String(), err
}

// consume runs the consumer's router until every batch is stored, and returns
// the logs a second from the first batch stored to the last: joining the group
// is not counted.
func consume(ctx context.Context, cfg app.Config, db *postgres.DB) (float64, error) {
	sub, err := kafka.NewSubscriber(cfg.Kafka, watermill.NopLogger{})
	if err != nil {
		return 0, err
	}
	poison, err := kafka.NewPublisher(cfg.Kafka)
	if err != nil {
		return 0, err
	}
	defer poison.Close()
	var stored atomic.Int64
	var began time.Time
	all := make(chan time.Time, 1)
	store := handlers.NewStore(otlp.Codec{}, db.Store(), func(app.BatchHead, app.Receipt) {
		switch stored.Add(1) {
		case 1:
			began = time.Now()
		case batches:
			all <- time.Now()
		}
	})
	router, err := routers.Consumer(routers.Config{
		Registry: prometheus.NewRegistry(), Logger: watermill.NopLogger{}, CloseTimeout: 10 * time.Second, MaxRetries: 8,
	}, sub, store, poison)
	if err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	select {
	case end := <-all:
		if err := router.Close(); err != nil {
			return 0, err
		}
		return float64((batches-1)*batchLogs) / end.Sub(began).Seconds(), <-ended
	case err := <-ended:
		return 0, fmt.Errorf("the router ended early: %w", err)
	case <-time.After(2 * time.Minute):
		return 0, fmt.Errorf("%d of %d batches were stored in two minutes", stored.Load(), batches)
	}
}

// storedRows reads what was stored back, a thousand rows each, in the form in
// which COPY takes it.
func storedRows(ctx context.Context, at string) ([][]byte, error) {
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	numbers, err := conn.Query(ctx, "SELECT number FROM ledger WHERE shipper = 'bench' ORDER BY number")
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(numbers, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	rows := make([][]byte, len(all))
	for i, number := range all {
		var out bytes.Buffer
		statement := fmt.Sprintf("COPY (SELECT * FROM logs WHERE id >= %d AND id < %d) TO STDOUT (FORMAT binary)", number<<24, (number+1)<<24)
		if _, err := conn.PgConn().CopyTo(ctx, &out, statement); err != nil {
			return nil, err
		}
		rows[i] = out.Bytes()
	}
	return rows, nil
}

// bareCopy copies rows in over one connection, one transaction for each
// thousand, with nothing else.
func bareCopy(ctx context.Context, at string, rows [][]byte) (float64, error) {
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	began := time.Now()
	for _, thousand := range rows {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(thousand), "COPY logs FROM STDIN (FORMAT binary)")
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return float64(len(rows)*batchLogs) / time.Since(began).Seconds(), nil
}
