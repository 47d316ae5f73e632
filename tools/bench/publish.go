package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/app/otlp"
	"millrace/app/synthetic"
	"millrace/middleware/batching"
)

const (
	// paceRate and paceTime are the load for which requests are counted.
	paceRate = 1000 // logs a second
	paceTime = 10 * time.Second
	// rounds is how often each side has its turn when speed is measured, after
	// as many turns as it takes for Kafka's machine to have compiled what both use.
	rounds, warmUps = 3, 3
	// plainLogs and batchedLogs are what each publishes in its turn: enough
	// for each to run for more than a second.
	plainLogs   = 3000
	batchedLogs = 1_500_000
	// shipperBuffer is in logs, as in the shipper whose intake is measured.
	shipperBuffer = 200_000
	// publishers call Publish side by side.
	publishers = 8
)

// measurePublishing compares watermill-kafka's publisher, as it comes, with the
// same behind the batching decorator, as the shipper has it. One message is one
// log, for both: neither looks into it.
func measurePublishing(ctx context.Context, report *report, b broker, speedBar float64) error {
	logs, err := newLogs(20_000)
	if err != nil {
		return err
	}
	plain, err := paced(ctx, b, "plain", logs, plainPublisher)
	if err != nil {
		return err
	}
	batched, err := paced(ctx, b, "batched", logs, batchedPublisher)
	if err != nil {
		return err
	}
	seconds, sent := paceTime.Seconds(), paceRate*paceTime.Seconds()
	report.add("Produce requests at 1000 logs/s, "+b.name(), "requests/s", batched.requests/seconds, plain.requests/seconds, plain.requests/batched.requests, 900)
	report.add("bytes a log on the wire, "+b.name(), "bytes", batched.bytes/sent, plain.bytes/sent, plain.bytes/batched.bytes, 10)
	return measureSpeed(report, b, logs, speedBar)
}

// opener connects a publisher of single logs. tune is for its client.
type opener func(b broker, topic string, tune func(*sarama.Config)) (send func(*message.Message) error, done func() error, err error)

// seen is what reached a broker.
type seen struct{ requests, bytes float64 }

// paced sends logs at a steady pace and returns what reached the broker.
func paced(ctx context.Context, b broker, topic string, logs []*message.Message, open opener) (seen, error) {
	if err := createTopic(b, topic); err != nil {
		return seen{}, err
	}
	var wire wire
	send, done, err := open(b, topic, wire.count)
	if err != nil {
		return seen{}, err
	}
	if _, err := b.produceRequests(ctx, topic); err != nil { // forget what came before
		return seen{}, err
	}
	if err := pace(ctx, logs, send); err != nil {
		return seen{}, err
	}
	if err := done(); err != nil {
		return seen{}, err
	}
	requests, err := b.produceRequests(ctx, topic)
	return seen{float64(requests), float64(wire.sent.Load())}, err
}

// measureSpeed lets each publish as fast as it can, in turns.
func measureSpeed(report *report, b broker, logs []*message.Message, bar float64) error {
	var plain, batched float64
	for round := range warmUps + rounds {
		one, err := publishAll(b, "plain", logs, plainLogs, 1, plainPublisher)
		if err != nil {
			return err
		}
		many, err := publishAll(b, "batched", logs, batchedLogs, publishers, batchedPublisher)
		if err != nil {
			return err
		}
		if round >= warmUps {
			plain += one / rounds
			batched += many / rounds
		}
	}
	report.add("publish throughput, "+b.name(), "logs/s", batched, plain, batched/plain, bar)
	return nil
}

// newLogs makes messages of one log each, as they reach the shipper's
// publisher.
func newLogs(n int) ([]*message.Message, error) {
	generator := synthetic.New(1)
	logs := make([]*message.Message, n)
	for i := range logs {
		payload, err := otlp.Encode([]app.Log{generator.Next(time.Now())})
		if err != nil {
			return nil, err
		}
		logs[i] = message.NewMessage(watermill.NewULID(), payload)
	}
	return logs, nil
}

func createTopic(b broker, topic string) error {
	admin, err := sarama.NewClusterAdmin(b.brokers(), sarama.NewConfig())
	if err != nil {
		return err
	}
	defer admin.Close()
	return admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 1}, false)
}

// plainPublisher is watermill-kafka as it comes, but for waiting for all
// replicas, as ours does.
func plainPublisher(b broker, topic string, tune func(*sarama.Config)) (func(*message.Message) error, func() error, error) {
	cfg := wmkafka.DefaultSaramaSyncPublisherConfig()
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	tune(cfg)
	pub, err := wmkafka.NewPublisher(wmkafka.PublisherConfig{Brokers: b.brokers(), OverwriteSaramaConfig: cfg}, watermill.NopLogger{})
	if err != nil {
		return nil, nil, err
	}
	return func(msg *message.Message) error { return pub.Publish(topic, msg) }, pub.Close, nil
}

func batchedPublisher(b broker, topic string, tune func(*sarama.Config)) (func(*message.Message) error, func() error, error) {
	cfg := app.DefaultConfig()
	cfg.Kafka.Brokers = b.brokers()
	pub, err := kafka.NewPublisher(cfg.Kafka, tune)
	if err != nil {
		return nil, nil, err
	}
	batches, err := batching.New(pub, batching.Config{
		WhenFull:    batching.Block,
		Acknowledge: batching.Buffered,
		MaxTogether: cfg.Batching.Together,
		BufferLimit: shipperBuffer, // room for as many batches as are on their way
		Pack: func(batch batching.Batch) (*message.Message, error) {
			payload := make([]byte, 0, batch.Bytes)
			for _, msg := range batch.Messages {
				payload = append(payload, msg.Payload...)
			}
			return message.NewMessage(fmt.Sprint(batch.First), payload), nil
		},
	})
	if err != nil {
		return nil, nil, err
	}
	return func(msg *message.Message) error { return batches.Publish(topic, msg) }, batches.Close, nil
}

// pace sends logs at paceRate for paceTime.
func pace(ctx context.Context, logs []*message.Message, send func(*message.Message) error) error {
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range int(paceRate * paceTime.Seconds()) {
		if wait := time.Until(began.Add(time.Duration(i) * time.Second / paceRate)); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := send(logs[i%len(logs)]); err != nil {
			return err
		}
	}
	return nil
}

// publishAll publishes n logs from some goroutines, waits until Kafka has
// them all, and returns how many that was a second.
func publishAll(b broker, topic string, logs []*message.Message, n, goroutines int, open opener) (float64, error) {
	send, done, err := open(b, topic, func(*sarama.Config) {})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	var group sync.WaitGroup
	failures := make(chan error, goroutines)
	for g := range goroutines {
		group.Go(func() {
			for i := g; i < n; i += goroutines {
				if err := send(logs[i%len(logs)]); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	if err := done(); err != nil {
		return 0, err
	}
	took := time.Since(began)
	select {
	case err := <-failures:
		return 0, err
	default:
		return float64(n) / took.Seconds(), nil
	}
}
