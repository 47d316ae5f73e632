package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/middleware/journal"
)

const (
	topicBare = "bare"
	// outageTime is how long filling the journal may take.
	outageTime = 10 * time.Minute
	// outageMemory is what the shipper may take, in MB, however much it has on
	// disk.
	outageMemory = 200
	// replaySpeed is fast enough, in logs a second, however fast a bare loop
	// is. Otherwise replayShare of the bare loop is.
	replaySpeed = 500_000
	replayShare = 0.8
	// bareTogether is how many batches the bare loop sends in one request.
	bareTogether = 32
)

// measureOutage fills the journal while Kafka is away and lets the shipper ship
// it when Kafka is back, beside a bare loop that reads a copy of the same
// journal and publishes it in batches of the same size.
func measureOutage(ctx context.Context, b *bench) (err error) {
	if err := b.startKafka(ctx); err != nil {
		return err
	}
	dir, err := b.diskDir("outage")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, topic := range []string{app.TopicLogs, topicBare} {
		if err := prepareTopic(ctx, b.kafka.Brokers, topic); err != nil {
			return err
		}
	}
	logs, speed, err := b.outlast(ctx, dir)
	if err != nil {
		return err
	}
	bare, err := b.bareReplay(ctx, filepath.Join(dir, "copy"), logs)
	if err != nil {
		return err
	}
	fmt.Printf("outage: the shipper replayed %d logs, %.0f a second; a bare loop %.0f\n", logs, speed, bare)
	b.report.addSpeed("replay after an outage, against a bare loop", speed, bare, 0)
	b.report.addSpeed(fmt.Sprintf("replay, against a bare loop or %d logs/s, whichever is less", replaySpeed),
		speed, min(bare*replayShare, replaySpeed), 1)
	return nil
}

// outlast takes the shipper through an outage. It returns how many logs came
// meanwhile, and how many a second were shipped once Kafka was back. It leaves
// a copy of the full journal in dir.
func (b *bench) outlast(ctx context.Context, dir string) (logs int, speed float64, err error) {
	shipper, err := b.startShipper(ctx, dir, durable, fmt.Sprintf("--journal-max-bytes=%d", 4*b.outage))
	if err != nil {
		return 0, 0, err
	}
	defer shipper.Kill()
	topic, err := watchTopic(ctx, b.kafka.Brokers, shipper.topic)
	if err != nil {
		return 0, 0, err
	}
	defer topic.close()
	load, err := newLoad(batchLogs)
	if err != nil {
		return 0, 0, err
	}
	b.kafka.Stop()
	sent, err := load.run(ctx, shipper.address, outageTime, int(float64(b.outage)/load.bytesPerLog()))
	if err != nil {
		return 0, 0, err
	}
	full, err := shipper.peak()
	if err != nil {
		return 0, 0, err
	}
	gigabytes := float64(sent.logs) * load.bytesPerLog() / 1e9
	fmt.Printf("outage: %d logs, %.1f GB, came in %s, %d requests refused, at most %.0f MB of memory\n",
		sent.logs, gigabytes, sent.took.Round(time.Second), sent.refused, full/1e6)
	if err := os.CopyFS(filepath.Join(dir, "copy"), os.DirFS(journalOf(dir))); err != nil {
		return 0, 0, err
	}
	if err := b.kafka.Start(ctx); err != nil {
		return 0, 0, err
	}
	arrived, err := topic.await(ctx, sent.logs)
	if err != nil {
		return 0, 0, err
	}
	peak, err := shipper.peak()
	b.report.addCost(fmt.Sprintf("memory, %.1f GB journaled without Kafka", gigabytes), "MB", full/1e6, outageMemory, 1)
	b.report.addCost("memory, the same with the replay", "MB", peak/1e6, outageMemory, 1)
	return arrived.logs, float64(arrived.logs) / arrived.last.Sub(arrived.first).Seconds(), err
}

// journalOf returns the folder of the shipper's journal, where main puts it.
func journalOf(dir string) string { return filepath.Join(dir, durable, "journal", app.TopicLogs) }

// bareReplay reads a journal and publishes it, a request of batchLogs logs as a
// batch, with nothing else. It returns the logs a second.
func (b *bench) bareReplay(ctx context.Context, dir string, logs int) (speed float64, err error) {
	stored, err := journal.Open(journal.Config{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stored.Close()) }()
	cfg := app.DefaultConfig()
	cfg.Kafka.Brokers = b.kafka.Brokers
	pub, err := kafka.NewPublisher(cfg.Kafka)
	if err != nil {
		return 0, err
	}
	defer pub.Close()
	began := time.Now()
	for read := 0; read < logs; {
		var batches []*message.Message
		for len(batches) < bareTogether && read < logs {
			record, err := stored.Next(ctx)
			if err != nil {
				return 0, err
			}
			read += record.Units
			batches = append(batches, message.NewMessage(fmt.Sprint(record.First), record.Body))
		}
		if err := pub.Publish(topicBare, batches...); err != nil {
			return 0, err
		}
	}
	return float64(logs) / time.Since(began).Seconds(), nil
}
