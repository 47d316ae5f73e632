package batching_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// waits returns the waits between n tries of one batch.
func waits(t *testing.T, cfg batching.Config, n int) (between []time.Duration) {
	last := time.Now()
	tries := 0
	next := &recorder{fail: func(string, []*message.Message) error {
		if tries++; tries > 1 {
			between = append(between, time.Since(last))
		}
		last = time.Now()
		if tries <= n {
			return errDown
		}
		return nil
	}}
	cfg.MaxMessages = 1
	p := open(t, next, cfg)
	publish(t, p, "t", "a")
	return between
}

func TestBackoffGrowsToItsCapWithJitter(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  batching.Config
		full []time.Duration // the waits without jitter
	}{
		"default": {batching.Config{}, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond,
			800 * time.Millisecond, 1600 * time.Millisecond, 3200 * time.Millisecond, 6400 * time.Millisecond,
			10 * time.Second, 10 * time.Second, 10 * time.Second}},
		"constant": {batching.Config{RetryMin: time.Second, RetryMax: time.Second}, []time.Duration{time.Second, time.Second, time.Second, time.Second}},
		// Doubling an hour thirty times is more than a Duration holds.
		"long": {batching.Config{RetryMin: time.Hour, RetryMax: 10 * time.Hour}, append([]time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour},
			slices.Repeat([]time.Duration{10 * time.Hour}, 60)...)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := waits(t, c.cfg, len(c.full))
				if len(got) != len(c.full) {
					t.Fatalf("%d waits, want %d", len(got), len(c.full))
				}
				for i, wait := range got {
					if wait < c.full[i]/2 || wait > c.full[i] {
						t.Errorf("wait %d is %v, want %v to %v", i+1, wait, c.full[i]/2, c.full[i])
					}
				}
				again := waits(t, c.cfg, len(c.full))
				if slices.Equal(got, again) {
					t.Errorf("two publishers wait alike: %v", got)
				}
			})
		})
	}
}

// An outage delays, and neither loses, repeats nor reorders. Other topics go on.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		next := &recorder{fail: func(topic string, _ []*message.Message) error {
			if topic == "t" && time.Since(start) < time.Hour {
				return errDown
			}
			return nil
		}}
		saw := newWatcher()
		p := open(t, next, letters(batching.Config{MaxMessages: 4, BufferLimit: 100, Acknowledge: batching.Buffered, Observer: saw}))
		for _, payload := range []string{"abc", "defg", "hij", "klm", "n"} {
			publish(t, p, "t", payload)
		}
		publish(t, p, "u", "1234")
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, next.taken(), "u/1+4:1234")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		want(t, next.taken(), "u/1+4:1234", "t/1+4:abcd", "t/5+4:efgh", "t/9+4:ijkl", "t/13+2:mn")
		failed := saw.saw("failed")
		for i, line := range failed {
			if !strings.HasSuffix(line, fmt.Sprintf(" failed t 1+4 try %d: down", i+1)) {
				t.Fatalf("failure %d is told as %q", i+1, line)
			}
		}
		// 10 s at most lie between two tries, and 5 s at least.
		if n := len(failed); n < 360 || n > 730 {
			t.Fatalf("%d tries in an hour", n)
		}
	})
}

// A slow next publisher holds up its topic; meanwhile batches fill.
func TestSlowNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{fail: func(topic string, _ []*message.Message) error {
			if topic == "t" {
				time.Sleep(time.Minute)
			}
			return nil
		}}
		saw := newWatcher()
		p := open(t, next, letters(batching.Config{MaxMessages: 4, BufferLimit: 100, Acknowledge: batching.Buffered, Observer: saw}))
		publish(t, p, "t", "abcd")
		for _, payload := range []string{"e", "f", "g", "h", "i"} {
			time.Sleep(6 * time.Second)
			publish(t, p, "t", payload)
		}
		publish(t, p, "u", "1234")
		synctest.Wait()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		want(t, saw.saw("flushed"), "30s flushed u 1+4 size in 0s", "1m0s flushed t 1+4 size in 1m0s",
			"2m0s flushed t 5+4 size in 1m0s", "3m0s flushed t 9+1 delay in 1m0s")
	})
}

// A panic in the next publisher is a failure like another: it may pass.
func TestPanicInNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		next := &recorder{fail: func(string, []*message.Message) error {
			if tries++; tries < 3 {
				panic("boom")
			}
			return nil
		}}
		saw := newWatcher()
		p := open(t, next, letters(batching.Config{MaxMessages: 4, Observer: saw}))
		publish(t, p, "t", "abcd")
		want(t, next.taken(), "t/1+4:abcd")
		if failed := saw.saw("failed"); len(failed) != 2 || !strings.Contains(failed[0], "boom") {
			t.Fatal(failed)
		}
	})
}

// A batch that Pack cannot pack is cut until what it can't pack stands alone,
// be it an error, a panic, or a message that is none.
func TestPackFails(t *testing.T) {
	for name, fails := range map[string]func() (*message.Message, error){
		"error":      func() (*message.Message, error) { return nil, errBad },
		"panic":      func() (*message.Message, error) { panic(errBad) },
		"no message": func() (*message.Message, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next, saw := &recorder{}, newWatcher()
				cfg := letters(batching.Config{MaxMessages: 4, PoisonTopic: "poison", Observer: saw, CloseTimeout: time.Minute})
				pack := cfg.Pack
				cfg.Pack = func(b batching.Batch) (*message.Message, error) {
					for _, m := range b.Messages {
						if strings.Contains(string(m.Payload), "X") {
							return fails()
						}
					}
					return pack(b)
				}
				p := open(t, next, cfg)
				if r := <-limited(publishing(p, "t", msg("abXd"))); r.err != nil {
					t.Fatal(r.err)
				}
				want(t, next.taken(), "t/1+2:ab", "poison/X", "t/4+1:d")
				if got := saw.saw("poisoned"); len(got) != 1 || !strings.Contains(got[0], "0s poisoned t lost=false: batching: packing a batch") {
					t.Fatal(got)
				}
			})
		})
	}
}

// limited ends with an error when a call takes longer than any should.
func limited(done <-chan result) <-chan result {
	out := make(chan result, 1)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	select {
	case r := <-done:
		out <- r
	case <-timer.C:
		out <- result{err: errors.New("an hour is over")}
	}
	return out
}

// What the second try mends is no news.
func TestFailuresThatStayAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for failures, want := range []int{0, 0, 1, 2} {
			tries := 0
			next := &recorder{fail: func(string, []*message.Message) error {
				if tries++; tries <= failures {
					return errDown
				}
				return nil
			}}
			var log bytes.Buffer
			p := open(t, next, batching.Config{MaxMessages: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err := p.Publish("t", msg("a")); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(log.String(), "level=WARN"); got != want {
				t.Errorf("after %d failures %d lines, want %d: %s", failures, got, want, log.String())
			}
		}
	})
}
