package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// record is a Kafka record as any client sees it.
type record = sarama.ConsumerMessage

// records reads what lies on a topic from an offset on, until one matches.
func findRecord(t *testing.T, topic string, match func(*record) bool) *record {
	t.Helper()
	client, err := sarama.NewClient(kafka.Brokers, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	partitions, err := client.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan *record)
	done := make(chan struct{})
	defer close(done)
	for _, partition := range partitions {
		reader, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.AsyncClose()
		go func() {
			for r := range reader.Messages() {
				if match(r) {
					select {
					case found <- r:
					case <-done:
					}
					return
				}
			}
		}()
	}
	select {
	case r := <-found:
		return r
	case <-time.After(60 * time.Second):
		t.Fatalf("no such record on %s", topic)
		return nil
	}
}

func produce(t *testing.T, message *sarama.ProducerMessage) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(kafka.Brokers, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if _, _, err := producer.SendMessage(message); err != nil {
		t.Fatal(err)
	}
}

func header(r *record, name string) string {
	for _, h := range r.Headers {
		if string(h.Key) == name {
			return string(h.Value)
		}
	}
	return ""
}

// A batch that is delivered twice is stored once.
func TestABatchDeliveredTwiceIsStoredOnce(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.send(0, 50)
	p.expectStored(50)
	batch := findRecord(t, "logs", func(r *record) bool { return bytes.Contains(r.Value, []byte(p.service)) })
	again := &sarama.ProducerMessage{Topic: "logs", Key: sarama.ByteEncoder(batch.Key), Value: sarama.ByteEncoder(batch.Value)}
	for _, h := range batch.Headers {
		again.Headers = append(again.Headers, *h)
	}
	produce(t, again)
	eventually(t, "the second delivery is seen", func() bool { return p.count("consumer", "batches.duplicate") == 1 })
	p.expectStored(50)
}

// Bytes that are no batch go to the poison topic and hold nothing up.
func TestBytesThatAreNoBatchAreSetAside(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	garbage := "no batch, says " + p.service
	for range 4 { // more than one, so that several partitions meet it
		produce(t, &sarama.ProducerMessage{Topic: "logs", Value: sarama.StringEncoder(garbage)})
	}
	p.send(0, 3000)
	p.expectStored(3000)
	aside := findRecord(t, "logs.poison", func(r *record) bool { return string(r.Value) == garbage })
	for _, name := range []string{"reason_poisoned", "topic_poisoned", "handler_poisoned", "origin_millrace_offset"} {
		if header(aside, name) == "" {
			t.Errorf("header %s is missing in %v", name, aside.Headers)
		}
	}
}

// A request in OTLP, as any Collector writes it to Kafka, is stored too.
func TestAnotherProducersBatchIsStored(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.send(0, 1)
	p.expectStored(1)
	batch := findRecord(t, "logs", func(r *record) bool { return bytes.Contains(r.Value, []byte(p.service)) })
	produce(t, &sarama.ProducerMessage{Topic: "logs", Value: sarama.ByteEncoder(batch.Value)})
	eventually(t, "it is stored", func() bool { all, _ := p.stored(); return all == 2 })
}

// Redis is away: the newest logs are still told, and are right.
func TestRedisAway(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.start("gateway")
	newest := func() (string, string) {
		got := p.get("gateway", "/api/query/recent?limit=1")
		var logs []struct{ Message string }
		if err := json.Unmarshal([]byte(got.body), &logs); err != nil || got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if len(logs) == 0 {
			return "", got.header.Get("X-Cache")
		}
		return logs[0].Message, got.header.Get("X-Cache")
	}
	p.send(0, 10)
	p.expectStored(10)
	eventually(t, "the newest log comes from Redis", func() bool {
		message, from := newest()
		return message == "log 9" && from == "hit"
	})
	redis.Kill()
	restarted := false
	defer func() {
		if !restarted {
			_ = redis.Start(t.Context())
		}
	}()
	// Its copy is right as long as nothing is stored, but it soon finds out.
	eventually(t, "Redis is passed by", func() bool {
		message, from := newest()
		if message != "log 9" {
			t.Fatalf("%q from %s", message, from)
		}
		return from == "bypass"
	})
	p.send(10, 10)
	p.expectStored(20)
	if message, _ := newest(); message != "log 19" {
		t.Errorf("the newest log is %q", message)
	}
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	restarted = true
	eventually(t, "the newest log comes from Redis again", func() bool {
		message, from := newest()
		return message == "log 19" && from == "hit"
	})
}

// What is asked for right after it was stored is there: never an older answer.
func TestRecentIsNeverOlderThanTheLastStoredBatch(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_MAX_DELAY=10ms")
	p.start("shipper")
	p.start("consumer")
	p.start("gateway")
	for i := range 50 {
		p.send(i, 1)
		p.expectStored(i + 1)
		got := p.get("gateway", "/api/query/recent?limit=1")
		if want := fmt.Sprintf(`"log %d"`, i); !strings.Contains(got.body, want) {
			t.Fatalf("%s is stored, the newest is said to be %s (X-Cache: %s)", want, got.body, got.header.Get("X-Cache"))
		}
	}
}
