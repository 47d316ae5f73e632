package batching_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"millrace/middleware/batching"
)

// Any publisher can be decorated. Here a batch is three messages, or what came
// within a second of the first.
func Example() {
	channel := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
	publisher, err := batching.New(channel, batching.Config{
		MaxMessages: 3,
		MaxDelay:    time.Second,
		Acknowledge: batching.Buffered,
		Observer:    printFlushes{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, payload := range []string{"a", "b", "c", "d"} {
		if err := publisher.Publish("letters", message.NewMessage(watermill.NewUUID(), []byte(payload))); err != nil {
			fmt.Println(err)
		}
	}
	// Close flushes what is left, and closes the channel.
	if err := publisher.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// letters: units 1 to 3, sealed by size
	// letters: units 4 to 4, sealed by close
}

// Many small messages become one: what it takes to be fast with a publisher
// that waits for an answer to each message, as Kafka's does. On the other side
// a handler gives back what was packed.
func ExampleConfig_pack() {
	channel := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 10}, watermill.NopLogger{})
	packed, err := channel.Subscribe(context.Background(), "letters")
	if err != nil {
		fmt.Println(err)
		return
	}
	publisher, err := batching.New(channel, batching.Config{
		MaxMessages: 3,
		Acknowledge: batching.Buffered,
		Pack: func(batch batching.Batch) (*message.Message, error) {
			lines := make([][]byte, len(batch.Messages))
			for i, msg := range batch.Messages {
				lines[i] = msg.Payload
			}
			// The same batch gets the same id however often it is sent, so
			// that whoever gets it twice can tell.
			id := fmt.Sprintf("%s-%d", batch.Topic, batch.First)
			return message.NewMessage(id, bytes.Join(lines, []byte("\n"))), nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	unpack := func(msg *message.Message) ([]*message.Message, error) { // a message.HandlerFunc
		var out []*message.Message
		for i, line := range bytes.Split(msg.Payload, []byte("\n")) {
			out = append(out, message.NewMessage(msg.UUID+"-"+strconv.Itoa(i), line))
		}
		return out, nil
	}

	for _, payload := range []string{"a", "b", "c"} {
		if err := publisher.Publish("letters", message.NewMessage(watermill.NewUUID(), []byte(payload))); err != nil {
			fmt.Println(err)
		}
	}
	msg := <-packed
	msg.Ack()
	letters, _ := unpack(msg)
	for _, letter := range letters {
		fmt.Println(letter.UUID, string(letter.Payload))
	}
	if err := publisher.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// letters-1-0 a
	// letters-1-1 b
	// letters-1-2 c
}

// A message may hold many units. Counted and cut, batches are full whatever the
// size of the messages.
func ExampleConfig_split() {
	channel := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	publisher, err := batching.New(channel, batching.Config{
		MaxMessages: 4, // lines
		Acknowledge: batching.Buffered,
		Observer:    printFlushes{},
		Count: func(msg *message.Message) (int, error) {
			return bytes.Count(msg.Payload, []byte("\n")), nil
		},
		Split: func(msg *message.Message, maxLines, maxBytes int) (head, tail *message.Message, lines int, err error) {
			at := 0
			for lines < maxLines {
				end := bytes.IndexByte(msg.Payload[at:], '\n') + 1
				if end == 0 || at+end > maxBytes {
					break
				}
				at += end
				lines++
			}
			if lines == 0 {
				return nil, msg, 0, nil
			}
			head = msg.Copy()
			head.Payload = msg.Payload[:at]
			if at < len(msg.Payload) {
				tail = msg.Copy()
				tail.Payload = msg.Payload[at:]
			}
			return head, tail, lines, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, payload := range []string{"1\n2\n3\n", "4\n5\n6\n7\n8\n9\n"} {
		if err := publisher.Publish("lines", message.NewMessage(watermill.NewUUID(), []byte(payload))); err != nil {
			fmt.Println(err)
		}
	}
	if err := publisher.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// lines: units 1 to 4, sealed by size
	// lines: units 5 to 8, sealed by size
	// lines: units 9 to 9, sealed by close
}

// While the next publisher is down the buffer fills, and then Publish says so:
// the caller can slow down, or answer 503. Block would wait instead, and Drop
// count the loss.
func ExampleConfig_whenFull() {
	down := make(chan struct{})
	publisher, err := batching.New(waitFor{down}, batching.Config{
		MaxMessages: 2,
		BufferLimit: 4,
		WhenFull:    batching.Reject,
		Acknowledge: batching.Buffered,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 5 {
		err := publisher.Publish("letters", message.NewMessage(watermill.NewUUID(), []byte("a")))
		fmt.Println(i+1, err, publisher.Stats().Remaining, errors.Is(err, batching.ErrFull))
	}
	close(down)
	if err := publisher.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%+v\n", publisher.Stats())
	// Output:
	// 1 <nil> 3 false
	// 2 <nil> 2 false
	// 3 <nil> 1 false
	// 4 <nil> 0 false
	// 5 batching: the buffer is full 0 true
	// {Units:0 Bytes:0 Remaining:4}
}

// waitFor is a publisher that takes nothing until down is closed.
type waitFor struct{ down chan struct{} }

func (w waitFor) Publish(string, ...*message.Message) error { <-w.down; return nil }
func (waitFor) Close() error                                { return nil }

// printFlushes is an Observer.
type printFlushes struct{}

func (printFlushes) Flushed(b batching.Batch, _ time.Duration) {
	fmt.Printf("%s: units %d to %d, sealed by %s\n", b.Topic, b.First, b.First+uint64(b.Count)-1, b.Trigger)
}
func (printFlushes) Taken(string, int)                      {}
func (printFlushes) Dropped(string, int)                    {}
func (printFlushes) Rejected(string, int)                   {}
func (printFlushes) FlushFailed(batching.Batch, int, error) {}
func (printFlushes) Poisoned(string, error, bool)           {}
