// Package conformance_test runs Watermill's own suite for whatever is a Pub/Sub
// over the batching publisher on top of Kafka. It is a package of its own
// because the suite leaves subscribers running: the tests beside the publisher
// look for goroutines that are left.
package conformance_test

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/twmb/franz-go/pkg/kfake"

	"millrace/middleware/batching"
)

// Kafka keeps the order within a partition, and may deliver twice.
func TestConformanceOnKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	for name, acknowledge := range map[string]batching.Acknowledge{"Flushed": batching.Flushed, "Buffered": batching.Buffered} {
		t.Run(name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DefaultNumPartitions(1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			inGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
				pub, sub := kafkaPubSub(t, cluster.ListenAddrs(), group)
				batches, err := batching.New(pub, batching.Config{
					MaxMessages: 50, MaxDelay: 5 * time.Millisecond, Acknowledge: acknowledge, WhenFull: batching.Block,
				})
				if err != nil {
					t.Fatal(err)
				}
				return batches, sub
			}
			features := tests.Features{ConsumerGroups: true, Persistent: true, GuaranteedOrder: true, ForceShort: true}
			tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) {
				return inGroup(t, "test")
			}, inGroup)
		})
	}
}

func kafkaPubSub(t *testing.T, brokers []string, group string) (message.Publisher, message.Subscriber) {
	t.Helper()
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: brokers, Marshaler: kafka.DefaultMarshaler{}}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	consuming := kafka.DefaultSaramaSubscriberConfig()
	consuming.Consumer.Offsets.Initial = sarama.OffsetOldest
	consuming.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	consuming.Consumer.Group.Rebalance.Timeout = 3 * time.Second
	sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: brokers, Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: consuming, ConsumerGroup: group,
		InitializeTopicDetails: &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1},
	}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	return pub, sub
}
