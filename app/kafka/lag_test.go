package kafka_test

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kfake"

	"millrace/app"
	"millrace/app/kafka"
)

func publish(t *testing.T, pub message.Publisher, n int) {
	t.Helper()
	for range n {
		if err := pub.Publish(app.TopicLogs, message.NewMessage(watermill.NewUUID(), []byte("anything"))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheLagIsWhatTheGroupHasNotConsumed(t *testing.T) {
	cfg := startKafka(t)
	publish(t, newPublisher(t, cfg), 20)

	results := make(chan int64)
	lag := kafka.NewLag(cfg, func(lag []app.PartitionLag, err error) {
		if err != nil {
			t.Error(err)
		}
		if len(lag) != cfg.Partitions {
			t.Errorf("%d partitions", len(lag))
		}
		total := int64(0)
		for _, p := range lag {
			total += p.Records
		}
		select {
		case results <- total:
		case <-t.Context().Done():
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- lag.Run(ctx) }()
	if got := <-results; got != 20 {
		t.Errorf("nothing is consumed, and the lag is %d", got)
	}
	messages := subscribe(t, cfg, app.TopicLogs)
	for range 20 {
		receive(t, messages)
	}
	for got := int64(20); got != 0; got = <-results { // commits come once a second
	}
	stop()
	for {
		select {
		case <-results: // one may be on its way
			continue
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		}
		break
	}
}

func TestTheMeterCountsOverConnections(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := app.DefaultConfig().Kafka
	cfg.Brokers = cluster.ListenAddrs()
	if err := kafka.EnsureTopics(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	meter := kafka.NewMeter()
	before := meter.Traffic()
	for range 2 { // a client after another
		pub, err := kafka.NewPublisher(cfg, meter.Count)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, pub, 3)
		if err := pub.Close(); err != nil {
			t.Fatal(err)
		}
	}
	after := meter.Traffic()
	if after.Requests["produce"] != 6 || after.SentBytes <= before.SentBytes || after.ReadBytes == 0 || after.Responses < 6 || after.InFlight != 0 {
		t.Errorf("%+v", after)
	}
}
