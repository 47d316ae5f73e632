package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Normal load: ten logs a second are flushed every five seconds, about fifty a
// batch, and can be asked for.
func TestNormalLoad(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.start("gateway")
	p.start("producer", "MILLRACE_PRODUCER_RATE=10")

	eventually(t, "four batches are sent", func() bool { return p.count("shipper", "batches.sent") >= 4 })
	logs, batches := p.count("shipper", "logs.sent"), p.count("shipper", "batches.sent")
	if average := float64(logs) / float64(batches); average < 40 || average > 55 {
		t.Errorf("%d logs in %d batches, %.1f each: want about 50", logs, batches, average)
	}
	if made := p.count("producer", "logs.generated"); made < logs {
		t.Errorf("%d logs were made and %d sent", made, logs)
	}
	if flushes := p.metric("shipper", "batch.flush.duration", "COUNT"); int(flushes) < batches {
		t.Errorf("%v flushes were timed, %d batches sent", flushes, batches)
	}
	var recent []struct {
		ID        string
		Timestamp time.Time
		Message   string
	}
	eventually(t, "the newest logs can be asked for", func() bool {
		recent = nil
		got := p.get("gateway", "/api/query/recent")
		if err := json.Unmarshal([]byte(got.body), &recent); err != nil {
			t.Fatalf("%v: %s", err, got.body)
		}
		return len(recent) == 100 // the default limit
	})
	for i := 1; i < len(recent); i++ {
		if recent[i].Timestamp.After(recent[i-1].Timestamp) {
			t.Fatalf("log %d is newer than the one before", i)
		}
	}
}

// High load: the size seals the batches.
func TestHighLoad(t *testing.T) {
	// A buffer that has room for all of it, however slow Kafka is at first.
	p := newPipeline(t, "MILLRACE_BATCHING_BUFFER_CAPACITY=20000")
	p.start("shipper")
	p.start("consumer")
	const requests, size = 100, 137
	for i := range requests {
		p.send(i*size, size)
	}
	eventually(t, "everything is sent", func() bool { return p.count("shipper", "logs.sent") == requests*size })
	full, total := requests*size/1000, p.count("shipper", "batches.sent")
	if total < full+1 || total > full+2 {
		t.Errorf("%d logs were sent in %d batches: want %d of 1000 and a rest", requests*size, total, full)
	}
	p.expectStored(requests * size)
}

// Backpressure: Kafka stands still, the buffer grows, and at its end logs are
// refused or dropped, as it is set. When Kafka is back, what was accepted
// arrives.
func TestBackpressure(t *testing.T) {
	for _, whenFull := range []string{"reject", "drop"} {
		t.Run(whenFull, func(t *testing.T) {
			p := newPipeline(t, "MILLRACE_BATCHING_ACKNOWLEDGE=buffered", "MILLRACE_BATCHING_WHEN_FULL="+whenFull)
			p.start("shipper")
			p.start("consumer")
			p.send(0, 10)
			p.expectStored(10)

			kafka.Pause()
			resumed := false
			defer func() {
				if !resumed {
					kafka.Resume()
				}
			}()
			accepted := 10
			for p.metric("shipper", "buffer.remaining.capacity", "VALUE") >= 1000 {
				p.send(accepted, 1000)
				accepted += 1000
			}
			if size := p.metric("shipper", "buffer.size", "VALUE"); size < 9000 || size > 10_000 {
				t.Errorf("buffer.size is %v", size)
			}
			got := p.post("application/x-ndjson", p.lines(1_000_000, 2000))
			switch whenFull {
			case "reject":
				if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "full") {
					t.Errorf("%d %v %s", got.status, got.header, got.body)
				}
			case "drop":
				if dropped := p.count("shipper", "logs.dropped"); got.status != http.StatusAccepted || dropped != 2000 {
					t.Errorf("%d, %d logs dropped", got.status, dropped)
				}
			}
			kafka.Resume()
			resumed = true
			p.expectStored(accepted)
		})
	}
}

// With a journal it is the disk that fills: what is accepted while Kafka is away
// is bounded, what is more is refused, and what was accepted arrives.
func TestBackpressureOfTheJournal(t *testing.T) {
	p := newPipeline(t, "MILLRACE_JOURNAL_MAX_BYTES=3000000")
	p.start("shipper")
	p.start("consumer")
	kafka.Pause()
	resumed := false
	defer func() {
		if !resumed {
			kafka.Resume()
		}
	}()
	accepted := 0
	for {
		got := p.post("application/x-ndjson", p.lines(accepted, 1000))
		if got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") != "" && strings.Contains(got.body, "full") {
			break
		}
		if accepted += 1000; got.status != http.StatusAccepted || accepted > 100_000 {
			t.Fatalf("%d %s after %d logs", got.status, got.body, accepted)
		}
	}
	if accepted < 2000 {
		t.Errorf("full after %d logs", accepted)
	}
	kafka.Resume()
	resumed = true
	p.expectStored(accepted)
}

// The consumer stands still: Kafka holds what comes, and the consumer catches
// up.
func TestConsumerStopped(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	consumer := p.start("consumer")
	p.send(0, 500)
	p.expectStored(500)
	if code := consumer.stop(); code != 0 {
		t.Errorf("the consumer ended with %d", code)
	}
	p.send(500, 3000)
	eventually(t, "Kafka has everything", func() bool { return p.count("shipper", "logs.sent") == 3500 })
	p.start("consumer")
	p.expectStored(3500)
}

// Graceful shutdown: a shipper that is stopped at work flushes what it
// accepted.
func TestGracefulShutdown(t *testing.T) {
	p := newPipeline(t)
	p.start("consumer")
	shipper := p.start("shipper")
	stopped := make(chan int)
	go func() {
		time.AfterFunc(500*time.Millisecond, func() { stopped <- shipper.stop() })
	}()
	accepted, code := 0, -1
	for code < 0 {
		response, err := http.Post("http://"+p.addr["shipper"]+"/api/logs", "application/x-ndjson", strings.NewReader(p.lines(accepted, 7)))
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusAccepted {
				accepted += 7
			}
		}
		select {
		case code = <-stopped:
		default:
		}
	}
	if code != 0 || accepted == 0 {
		t.Errorf("the shipper ended with %d after it accepted %d logs", code, accepted)
	}
	p.expectStored(accepted)
}
