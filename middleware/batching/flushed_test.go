package batching_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// result is how and when a call of Publish ended.
type result struct {
	err  error
	took time.Duration
}

func publishing(p *batching.Publisher, topic string, m *message.Message) <-chan result {
	done := make(chan result, 1)
	began := time.Now()
	go func() {
		err := p.Publish(topic, m)
		done <- result{err, time.Since(began)}
	}()
	synctest.Wait() // until it waits, so that calls come in order
	return done
}

func TestFlushedReturnsWhenItsLastUnitWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{fail: func(string, []*message.Message) error {
			time.Sleep(time.Second) // each batch takes a second
			return nil
		}}
		p := open(t, next, letters(batching.Config{MaxMessages: 4, BufferLimit: 100}))
		first := publishing(p, "t", msg("abc"))         // waits for the batch's other units
		second := publishing(p, "t", msg("defghijklm")) // fills three batches, and a bit
		for i, c := range []struct {
			done <-chan result
			took time.Duration
		}{{first, time.Second}, {second, 6 * time.Second}} { // the rest is sealed by its age of 5 s
			if r := <-c.done; r.err != nil || r.took != c.took {
				t.Errorf("call %d: %v after %v, want %v", i+1, r.err, r.took, c.took)
			}
		}
		want(t, next.taken(), "t/1+4:abcd", "t/5+4:efgh", "t/9+4:ijkl", "t/13+1:m")
	})
}

func TestFlushedReturnsTheErrorOfItsOwnUnits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{fail: func(_ string, msgs []*message.Message) error {
			if strings.Contains(string(msgs[0].Payload), "X") {
				return errBad
			}
			return nil
		}}
		p := open(t, next, letters(batching.Config{MaxMessages: 6, BufferLimit: 100, IsPermanent: isBad}))
		good := publishing(p, "t", msg("ab"))
		bad := publishing(p, "t", msg("cX"))
		after := publishing(p, "t", msg("ef"))
		wantErr(t, (<-good).err, nil)
		wantErr(t, (<-bad).err, errBad)
		wantErr(t, (<-after).err, nil)
		want(t, next.taken(), "t/1+3:abc", "t/5+2:ef")
	})
}

// The caller stops waiting; what it handed over is flushed all the same.
func TestFlushedObeysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{}
		p := open(t, next, letters(batching.Config{}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m := msg("abc")
		m.SetContext(ctx)
		if r := <-publishing(p, "t", m); !errors.Is(r.err, context.DeadlineExceeded) || r.took != time.Second {
			t.Fatalf("%v after %v", r.err, r.took)
		}
		if s := p.Stats(); s.Units != 3 {
			t.Fatalf("%+v", s)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		want(t, next.taken(), "t/1+3:abc")
	})
}

func TestBufferedReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		p := open(t, &recorder{fail: g.fail}, letters(batching.Config{MaxMessages: 4, Acknowledge: batching.Buffered}))
		if r := <-publishing(p, "t", msg("abcdef")); r.err != nil || r.took != 0 {
			t.Fatalf("%v after %v", r.err, r.took)
		}
		if s := p.Stats(); s != (batching.Stats{Units: 6, Bytes: 6, Remaining: 9994}) {
			t.Fatalf("%+v", s)
		}
		g.up.Store(true)
	})
}

type key struct{}

// What the caller does to a message after Publish, and what the next publisher
// does to it, changes nothing; and each try gets fresh messages.
func TestMessagesAreCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		next := &recorder{fail: func(_ string, msgs []*message.Message) error {
			tries++
			m := msgs[0]
			if m.UUID != "id" || m.Metadata.Get("k") != "v" || m.Metadata.Get("later") != "" {
				t.Errorf("try %d got message %s with %v", tries, m.UUID, m.Metadata)
			}
			if m.Context().Err() != nil || m.Context().Value(key{}) != "kept" {
				t.Errorf("try %d got context %v", tries, m.Context())
			}
			m.Metadata.Set("later", "by the next publisher")
			if !m.Nack() || tries == 1 {
				return errDown
			}
			return nil
		}}
		p := open(t, next, batching.Config{Acknowledge: batching.Buffered})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
		m := msg("abc")
		m.Metadata.Set("k", "v")
		m.SetContext(ctx)
		if err := p.Publish("t", m); err != nil {
			t.Fatal(err)
		}
		m.Ack()
		cancel()
		m.Metadata.Set("later", "by the caller")
		time.Sleep(time.Minute)
		synctest.Wait()
		if tries != 2 {
			t.Fatalf("%d tries, want 2", tries)
		}
	})
}
