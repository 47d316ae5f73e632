package kafka_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/app/kafka/sourcetest"
)

// newTopic starts a broker with as many partitions as the tests want, and
// returns what writes to each.
func newTopic(t *testing.T) (app.KafkaConfig, sarama.SyncProducer, sarama.ClusterAdmin) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := app.DefaultConfig().Kafka
	cfg.Brokers, cfg.Partitions = cluster.ListenAddrs(), sourcetest.Partitions
	if err := kafka.EnsureTopics(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	client := sarama.NewConfig()
	client.Producer.Partitioner = sarama.NewManualPartitioner
	client.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(cfg.Brokers, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { producer.Close() })
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	return cfg, producer, admin
}

func TestSource(t *testing.T) {
	sourcetest.Test(t, func(t *testing.T) sourcetest.World {
		cfg, producer, admin := newTopic(t)
		return sourcetest.World{
			Source: kafka.NewSource(cfg),
			Write: func(partition int32, payload string) {
				record := &sarama.ProducerMessage{Topic: app.TopicLogs, Partition: partition, Value: sarama.StringEncoder(payload)}
				if _, _, err := producer.SendMessage(record); err != nil {
					t.Error(err)
				}
			},
			Forget: func(partition int32, before int64) {
				if err := admin.DeleteRecords(app.TopicLogs, map[int32]int64{partition: before}); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func TestASourceThatIsAwayIsNamed(t *testing.T) {
	cfg := app.DefaultConfig().Kafka
	cfg.Brokers = []string{"127.0.0.1:1"}
	source := kafka.NewSource(cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := source.Ends(ctx); app.KindOf(err) != app.KindUnavailable {
		t.Errorf("ends: %v", err)
	}
	if err := source.Read(ctx, nil, nil); app.KindOf(err) != app.KindUnavailable {
		t.Errorf("read: %v", err)
	}
}

// Brokers that take connections and say nothing are not tried one after another
// for longer than the caller waits.
func TestASourceThatHangsIsWaitedForOnce(t *testing.T) {
	cfg := app.DefaultConfig().Kafka
	cfg.Brokers = nil
	var tried atomic.Int32
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	for range 8 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		cfg.Brokers = append(cfg.Brokers, listener.Addr().String())
		serving.Go(func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				tried.Add(1)
				t.Cleanup(func() { connection.Close() })
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := kafka.NewSource(cfg).Ends(ctx); app.KindOf(err) != app.KindUnavailable {
		t.Errorf("ends: %v", err)
	}
	if n := tried.Load(); n > 1 {
		t.Errorf("%d brokers were tried, one after another", n)
	}
}
