package batching_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

func TestTriggers(t *testing.T) {
	type step struct {
		at      time.Duration
		topic   string
		payload string
	}
	bySize := batching.Config{MaxMessages: 4}
	byBytes := batching.Config{MaxBytes: 4}
	for name, c := range map[string]struct {
		cfg   batching.Config
		steps []step
		want  []string
	}{
		"size at its limit":     {bySize, []step{{0, "t", "abc"}, {time.Second, "t", "d"}}, []string{"1s flushed t 1+4 size in 0s"}},
		"size one below":        {bySize, []step{{0, "t", "abc"}}, []string{"5s flushed t 1+3 delay in 0s"}},
		"size one above":        {bySize, []step{{0, "t", "abcde"}}, []string{"0s flushed t 1+4 size in 0s", "5s flushed t 5+1 delay in 0s"}},
		"size many times":       {bySize, []step{{0, "t", "abcdefghij"}}, []string{"0s flushed t 1+4 size in 0s", "0s flushed t 5+4 size in 0s", "5s flushed t 9+2 delay in 0s"}},
		"bytes at their limit":  {byBytes, []step{{0, "t", "abc"}, {time.Second, "t", "d"}}, []string{"1s flushed t 1+4 bytes in 0s"}},
		"bytes one below":       {byBytes, []step{{0, "t", "abc"}}, []string{"5s flushed t 1+3 delay in 0s"}},
		"bytes one above":       {byBytes, []step{{0, "t", "abcde"}}, []string{"0s flushed t 1+4 bytes in 0s", "5s flushed t 5+1 delay in 0s"}},
		"delay from the first":  {bySize, []step{{0, "t", "a"}, {4999 * time.Millisecond, "t", "b"}}, []string{"5s flushed t 1+2 delay in 0s"}},
		"delay begins anew":     {bySize, []step{{0, "t", "a"}, {6 * time.Second, "t", "b"}}, []string{"5s flushed t 1+1 delay in 0s", "11s flushed t 2+1 delay in 0s"}},
		"a rest keeps its age":  {bySize, []step{{0, "t", "ab"}, {3 * time.Second, "t", "cdef"}, {7 * time.Second, "t", "g"}}, []string{"3s flushed t 1+4 size in 0s", "8s flushed t 5+3 delay in 0s"}},
		"size before the delay": {bySize, []step{{0, "t", "a"}, {4 * time.Second, "t", "bcd"}, {5 * time.Second, "t", "e"}}, []string{"4s flushed t 1+4 size in 0s", "10s flushed t 5+1 delay in 0s"}},
		"another delay":         {batching.Config{MaxDelay: time.Minute}, []step{{0, "t", "a"}, {59 * time.Second, "t", "b"}}, []string{"1m0s flushed t 1+2 delay in 0s"}},
		"each topic its own":    {bySize, []step{{0, "t", "abc"}, {0, "u", "abc"}, {time.Second, "u", "d"}}, []string{"1s flushed u 1+4 size in 0s", "5s flushed t 1+3 delay in 0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				saw := newWatcher()
				cfg := letters(c.cfg)
				cfg.Acknowledge, cfg.Observer = batching.Buffered, saw
				p := open(t, &recorder{}, cfg)
				for _, s := range c.steps {
					time.Sleep(time.Until(saw.start.Add(s.at)))
					publish(t, p, s.topic, s.payload)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				want(t, saw.saw("flushed"), c.want...)
				wantEmpty(t, p)
			})
		})
	}
}

// Nothing leaves before a limit is reached, and Close does not wait for one.
func TestCloseIsATrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saw := newWatcher()
		p := open(t, &recorder{}, letters(batching.Config{Acknowledge: batching.Buffered, Observer: saw}))
		publish(t, p, "t", "abc")
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		want(t, saw.saw("flushed"))
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		want(t, saw.saw("flushed"), "4.999999999s flushed t 1+3 close in 0s")
	})
}

func TestABatchTellsOfItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var got []string
		cfg := letters(batching.Config{MaxMessages: 4})
		cfg.Acknowledge = batching.Buffered
		cfg.Pack = func(b batching.Batch) (*message.Message, error) {
			var payloads []string
			for _, m := range b.Messages {
				payloads = append(payloads, string(m.Payload))
			}
			got = append(got, fmt.Sprintf("%s %d+%d %d bytes %v to %v %s: %s", b.Topic, b.First, b.Count, b.Bytes,
				b.OpenedAt.Sub(start), b.SealedAt.Sub(start), b.Trigger, strings.Join(payloads, " ")))
			return msg("packed"), nil
		}
		p := open(t, &recorder{}, cfg)
		publish(t, p, "t", "ab")
		time.Sleep(time.Second)
		publish(t, p, "t", "c", "def")
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, got, "t 1+4 4 bytes 0s to 1s size: ab c d", "t 5+2 2 bytes 1s to 6s delay: ef")
	})
}

// Without Pack a batch is one call with its messages.
func TestWithoutPack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []int
		next := &recorder{fail: func(_ string, msgs []*message.Message) error {
			calls = append(calls, len(msgs))
			return nil
		}}
		p := open(t, next, batching.Config{MaxMessages: 2, Acknowledge: batching.Buffered})
		publish(t, p, "t", "one", "two", "three")
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, next.taken(), "t/one", "t/two", "t/three")
		if fmt.Sprint(calls) != "[2 1]" {
			t.Fatalf("calls of %v messages, want [2 1]", calls)
		}
	})
}
