package batching_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// discard takes whatever comes, at no cost.
type discard struct{}

func (discard) Publish(string, ...*message.Message) error { return nil }
func (discard) Close() error                              { return nil }

// bare is the least that batching can be: it appends to a slice, and publishes
// that once it is full. It copies nothing, bounds nothing, waits for nobody,
// tries once, loses the rest, and knows one topic.
type bare struct {
	next  message.Publisher
	count func(*message.Message) (int, error)
	pack  func([]*message.Message) *message.Message // nil: the messages as they are

	mu       sync.Mutex
	units    int
	messages []*message.Message
}

func (b *bare) Publish(topic string, msgs ...*message.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range msgs {
		n, err := b.count(m)
		if err != nil {
			return err
		}
		b.units += n
	}
	b.messages = append(b.messages, msgs...)
	if b.units < 1000 {
		return nil
	}
	batch := b.messages
	if b.pack != nil {
		batch = []*message.Message{b.pack(batch)}
	}
	b.units, b.messages = 0, b.messages[:0]
	return b.next.Publish(topic, batch...)
}

func (b *bare) Close() error { return b.next.Close() }

// join is the simplest way to pack.
func join(msgs []*message.Message) *message.Message {
	bytes := 0
	for _, m := range msgs {
		bytes += len(m.Payload)
	}
	payload := make([]byte, 0, bytes)
	for _, m := range msgs {
		payload = append(payload, m.Payload...)
	}
	return message.NewMessage("batch", payload)
}

// BenchmarkPublish compares the decorator with bare: messages of one unit and
// of a hundred, 200 bytes each, packed into one message or not, from one
// goroutine and from as many as there are processors. The message is made once,
// outside of what is measured.
func BenchmarkPublish(b *testing.B) {
	for _, units := range []int{1, 100} {
		count := func(*message.Message) (int, error) { return units, nil }
		for _, packed := range []bool{false, true} {
			plain := func() message.Publisher { return &bare{next: discard{}, count: count} }
			cfg := batching.Config{Acknowledge: batching.Buffered, Count: count}
			if packed {
				plain = func() message.Publisher { return &bare{next: discard{}, count: count, pack: join} }
				cfg.Pack = func(batch batching.Batch) (*message.Message, error) { return join(batch.Messages), nil }
			}
			decorated := func() message.Publisher {
				p, err := batching.New(discard{}, cfg)
				if err != nil {
					b.Fatal(err)
				}
				return p
			}
			for _, from := range []string{"one", "all"} {
				name := fmt.Sprintf("units=%d/packed=%v/from=%s/", units, packed, from)
				b.Run(name+"bare", func(b *testing.B) { benchmark(b, plain(), units, from == "all") })
				b.Run(name+"batching", func(b *testing.B) { benchmark(b, decorated(), units, from == "all") })
			}
		}
	}
}

func benchmark(b *testing.B, p message.Publisher, units int, parallel bool) {
	msgs := []*message.Message{message.NewMessage("id", []byte(strings.Repeat("x", 200*units)))}
	publish := func(more func() bool) {
		for more() {
			if err := p.Publish("t", msgs...); err != nil {
				b.Error(err)
			}
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	if parallel {
		b.RunParallel(func(pb *testing.PB) { publish(pb.Next) })
	} else {
		left := b.N
		publish(func() bool { left--; return left >= 0 })
	}
	if err := p.Close(); err != nil { // flushing the rest counts too
		b.Fatal(err)
	}
}
