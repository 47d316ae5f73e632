package batching_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// recorder is a next publisher that remembers and can be told to fail.
type recorder struct {
	mu     sync.Mutex
	got    []string // one for each message: topic/payload
	at     []time.Time
	fail   func(topic string, msgs []*message.Message) error
	closed bool
}

func (r *recorder) Publish(topic string, msgs ...*message.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(topic, msgs); err != nil {
			return err
		}
	}
	for _, m := range msgs {
		r.got = append(r.got, topic+"/"+string(m.Payload))
		r.at = append(r.at, time.Now())
	}
	return nil
}

func (r *recorder) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *recorder) Close() error { r.closed = true; return nil }

// letters: a unit is a byte.
func letters(cfg batching.Config) batching.Config {
	cfg.Count = func(m *message.Message) (int, error) { return len(m.Payload), nil }
	cfg.Split = func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
		n := min(units, bytes, len(m.Payload))
		part := func(p []byte) *message.Message {
			if len(p) == 0 {
				return nil
			}
			return message.NewMessage(m.UUID, p)
		}
		return part(m.Payload[:n]), part(m.Payload[n:]), n, nil
	}
	cfg.Pack = func(b batching.Batch) (*message.Message, error) {
		var s strings.Builder
		fmt.Fprintf(&s, "%d+%d:", b.First, b.Count)
		for _, m := range b.Messages {
			s.Write(m.Payload)
		}
		return message.NewMessage("b", []byte(s.String())), nil
	}
	return cfg
}

func msg(payload string) *message.Message { return message.NewMessage("id", []byte(payload)) }

func TestTriggers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{}
		p, err := batching.New(next, letters(batching.Config{MaxMessages: 4, BufferLimit: 100, Acknowledge: batching.Buffered}))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for _, payload := range []string{"abc", "defghi", "j"} {
			if err := p.Publish("t", msg(payload)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if fmt.Sprint(next.taken()) != "[t/1+4:abcd t/5+4:efgh]" {
			t.Fatalf("%v", next.got)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if fmt.Sprint(next.taken()) != "[t/1+4:abcd t/5+4:efgh t/9+2:ij]" || next.at[2].Sub(start) != 5*time.Second {
			t.Fatalf("%v %v", next.got, next.at[2].Sub(start))
		}
		if err := p.Close(); err != nil || !next.closed {
			t.Fatal(err)
		}
		if err := p.Publish("t", msg("x")); !errors.Is(err, batching.ErrClosed) {
			t.Fatal(err)
		}
	})
}

func TestHalvesKeepTheirNumbersAndOneIsPoisoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tooLarge := errors.New("too large")
		next := &recorder{fail: func(topic string, msgs []*message.Message) error {
			if topic == "t" && strings.Contains(string(msgs[0].Payload), "X") {
				return tooLarge
			}
			return nil
		}}
		p, _ := batching.New(next, letters(batching.Config{MaxMessages: 8, BufferLimit: 100, PoisonTopic: "poison",
			IsTooLarge: func(err error) bool { return errors.Is(err, tooLarge) }}))
		if err := p.Publish("t", msg("abcdeXgh")); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(next.taken()) != "[t/1+4:abcd t/5+1:e poison/X t/7+2:gh]" {
			t.Fatalf("%v", next.got)
		}
		if s := p.Stats(); s.Units != 0 || s.Bytes != 0 {
			t.Fatalf("%+v", s)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOutageThenCloseDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{fail: func(string, []*message.Message) error { return errors.New("down") }}
		p, _ := batching.New(next, letters(batching.Config{MaxMessages: 4, BufferLimit: 8, WhenFull: batching.Reject, Acknowledge: batching.Buffered, CloseTimeout: time.Minute}))
		for range 2 {
			if err := p.Publish("t", msg("abcd")); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Publish("t", msg("e")); !errors.Is(err, batching.ErrFull) {
			t.Fatal(err)
		}
		if err := p.Publish("t", msg("123456789")); !errors.Is(err, batching.ErrTooLarge) {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		began := time.Now()
		err := p.Close()
		if !errors.Is(err, batching.ErrNotFlushed) || !strings.Contains(err.Error(), "t:8") || time.Since(began) != time.Minute {
			t.Fatal(err, time.Since(began))
		}
	})
}

func TestBlockIsFIFOAndObeysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		next := &recorder{fail: func(string, []*message.Message) error {
			if !up.Load() {
				return errors.New("down")
			}
			return nil
		}}
		p, _ := batching.New(next, letters(batching.Config{MaxMessages: 2, BufferLimit: 2, Acknowledge: batching.Buffered}))
		if err := p.Publish("t", msg("ab")); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			go func() {
				m := msg(fmt.Sprintf("%d%d", i, i))
				if i == 2 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					defer cancel()
					m.SetContext(ctx)
				}
				if err := p.Publish("t", m); (err != nil) != (i == 2) {
					t.Error(i, err)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		up.Store(true)
		time.Sleep(time.Minute)
		if fmt.Sprint(next.taken()) != "[t/1+2:ab t/3+2:00 t/5+2:11 t/7+2:33 t/9+2:44]" {
			t.Fatalf("%v", next.got)
		}
		p.Close()
	})
}
