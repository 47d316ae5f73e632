package kafka_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/eapache/go-resiliency/breaker"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/kafka"
)

func TestMain(m *testing.M) {
	// go-metrics, which sarama counts with, keeps one ticker for the process.
	// The breaker of a client that was given up runs out by itself.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.IgnoreAnyFunction("github.com/eapache/go-resiliency/breaker.(*Breaker).timer"))
}

// startKafka starts a broker for one test and makes our topics there.
func startKafka(t *testing.T) app.KafkaConfig {
	t.Helper()
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
	return cfg
}

func subscribe(t *testing.T, cfg app.KafkaConfig, topic string) <-chan *message.Message {
	t.Helper()
	sub, err := kafka.NewSubscriber(cfg, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sub.Close() })
	messages, err := sub.Subscribe(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func receive(t *testing.T, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case msg := <-messages:
		msg.Ack()
		return msg
	case <-time.After(30 * time.Second):
		t.Fatal("no message came")
		return nil
	}
}

func newPublisher(t *testing.T, cfg app.KafkaConfig) message.Publisher {
	t.Helper()
	pub, err := kafka.NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pub.Close() })
	return pub
}

// A Kafka that has just started answers before its brokers may lead anything.
// A replication that there will never be brokers for is no such thing.
func TestTopicsAreMadeWhenBrokersAreBack(t *testing.T) {
	for said, passes := range map[string]bool{
		"Unable to replicate the partition 1 time(s): All brokers are currently fenced.":                                                             true,
		"Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.": false,
	} {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		cluster.ControlKey(int16(kmsg.CreateTopics), func(request kmsg.Request) (kmsg.Response, error, bool) {
			asked := request.(*kmsg.CreateTopicsRequest)
			refused := asked.ResponseKind().(*kmsg.CreateTopicsResponse)
			refused.Default()
			for _, topic := range asked.Topics {
				one := kmsg.NewCreateTopicsResponseTopic()
				one.Topic, one.ErrorCode, one.ErrorMessage = topic.Topic, int16(sarama.ErrInvalidReplicationFactor), &said
				refused.Topics = append(refused.Topics, one)
			}
			return refused, nil, true // once
		})
		cfg := app.DefaultConfig().Kafka
		cfg.Brokers = cluster.ListenAddrs()
		if err := kafka.EnsureTopics(t.Context(), cfg); (err == nil) != passes {
			t.Errorf("%s: %v", said, err)
		}
	}
}

func TestEnsureTopicsTwiceIsFine(t *testing.T) {
	cfg := startKafka(t)
	if err := kafka.EnsureTopics(t.Context(), cfg); err != nil {
		t.Error(err)
	}
	if err := kafka.NewCheck(cfg).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestABatchKeepsPayloadIdentityAndSaysWhereItLay(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			cfg := startKafka(t)
			cfg.Compression = compression
			sent := message.NewMessage("k3v9-1", []byte("a batch"))
			sent.Metadata = app.BatchHead{Shipper: "k3v9", First: 1, Count: 2, SealedAt: time.Unix(5, 0)}.Metadata()
			if err := newPublisher(t, cfg).Publish(app.TopicLogs, sent); err != nil {
				t.Fatal(err)
			}
			got := receive(t, subscribe(t, cfg, app.TopicLogs))
			if got.UUID != sent.UUID || !bytes.Equal(got.Payload, sent.Payload) {
				t.Errorf("got %s %q", got.UUID, got.Payload)
			}
			head, err := app.ReadBatchHead(got.Metadata, 2)
			if err != nil || head.Topic != app.TopicLogs || head.Shipper != "k3v9" || head.ShippedAt.IsZero() {
				t.Errorf("head %+v, error %v", head, err)
			}
		})
	}
}

func TestAnotherProducersRecordGetsAName(t *testing.T) {
	cfg := startKafka(t)
	client := sarama.NewConfig()
	client.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(cfg.Brokers, client)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: app.TopicLogs, Value: sarama.StringEncoder("anything")}); err != nil {
		t.Fatal(err)
	}
	got := receive(t, subscribe(t, cfg, app.TopicLogs))
	head, err := app.ReadBatchHead(got.Metadata, 1)
	if err != nil || !head.Foreign || got.UUID != head.ID() {
		t.Errorf("UUID %q, head %+v, error %v", got.UUID, head, err)
	}
}

func TestARecordSetAsideKeepsItsOrigin(t *testing.T) {
	cfg := startKafka(t)
	pub := newPublisher(t, cfg)
	if err := pub.Publish(app.TopicLogs, message.NewMessage("x", []byte("no batch"))); err != nil {
		t.Fatal(err)
	}
	read := receive(t, subscribe(t, cfg, app.TopicLogs))
	offset := read.Metadata.Get(app.MetaOffset)
	if err := pub.Publish(app.TopicPoison, read); err != nil {
		t.Fatal(err)
	}
	aside := receive(t, subscribe(t, cfg, app.TopicPoison))
	if aside.Metadata.Get("origin_"+app.MetaTopic) != app.TopicLogs || aside.Metadata.Get("origin_"+app.MetaOffset) != offset {
		t.Errorf("metadata %v", aside.Metadata)
	}
	if aside.Metadata.Get(app.MetaTopic) != app.TopicPoison {
		t.Errorf("it says it lies in %s", aside.Metadata.Get(app.MetaTopic))
	}
	if read.Metadata.Get(app.MetaTopic) != app.TopicLogs {
		t.Error("publishing changed the message that was handed in")
	}
}

func TestARecordOverTheBrokersLimitIsTooLarge(t *testing.T) {
	cfg := startKafka(t)
	big := make([]byte, 2<<20)
	_, _ = rand.Read(big) // so that compression does not help
	err := newPublisher(t, cfg).Publish(app.TopicLogs, message.NewMessage("big", big))
	if !kafka.IsTooLarge(err) || !kafka.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
	if kafka.IsPermanent(errors.New("EOF")) {
		t.Error("a lost connection counts as permanent")
	}
}

func TestAnUnreachableKafkaIsNamed(t *testing.T) {
	cfg := app.DefaultConfig().Kafka
	cfg.Brokers = []string{"127.0.0.1:1"}
	for name, err := range map[string]error{
		"topics":    kafka.EnsureTopics(t.Context(), cfg),
		"check":     kafka.NewCheck(cfg).Check(t.Context()),
		"publisher": func() error { _, err := kafka.NewPublisher(cfg); return err }(),
	} {
		if app.KindOf(err) != app.KindUnavailable || !bytes.Contains([]byte(err.Error()), []byte("kafka-brokers")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A broker that was away is found as soon as it is back: the publisher does not
// sit out the ten seconds for which sarama leaves a failed partition alone.
func TestABrokerThatIsBackIsFoundAtOnce(t *testing.T) {
	first, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(first.Close)
	cfg := app.DefaultConfig().Kafka
	cfg.Brokers = first.ListenAddrs()
	if err := kafka.EnsureTopics(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	pub := newPublisher(t, cfg)
	publish := func() error { return pub.Publish(app.TopicLogs, message.NewMessage("x", []byte("anything"))) }
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	first.Close()
	until(t, "the client gives up", func() bool { return errors.Is(publish(), breaker.ErrBreakerOpen) })

	_, port, err := net.SplitHostPort(cfg.Brokers[0])
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	again, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(number))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	if err := kafka.EnsureTopics(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	until(t, "the broker takes records again", func() bool { return publish() == nil })
	if took := time.Since(back); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

// until tries again until a condition holds.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it did not come about that %s", what)
		}
	}
}
