package batching_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"millrace/middleware/batching"
)

// poisoned refuses every batch on topic t for good, and lets aside say what
// happens on the poison topic.
func poisoned(aside func() error) *recorder {
	return &recorder{fail: func(topic string, _ []*message.Message) error {
		if topic == "t" {
			return errBad
		}
		return aside()
	}}
}

var poisonConfig = batching.Config{MaxMessages: 1, PoisonTopic: "poison", IsPermanent: isBad, IsTooLarge: isLarge, CloseTimeout: time.Minute}

func TestPoisonTellsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got *message.Message
		next := &recorder{fail: func(topic string, msgs []*message.Message) error {
			if topic == "t" {
				return errBad
			}
			got = msgs[0]
			return nil
		}}
		saw := newWatcher()
		var log bytes.Buffer
		cfg := poisonConfig
		cfg.Observer = saw
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		p := open(t, next, cfg)
		m := msg("a")
		m.Metadata.Set("own", "kept")
		if err := p.Publish("t", m); err != nil {
			t.Fatal(err) // it is safe on the poison topic
		}
		want(t, next.taken(), "poison/a")
		if meta := map[string]string(got.Metadata); got.UUID != "id" || !maps.Equal(meta, map[string]string{
			"own": "kept", middleware.ReasonForPoisonedKey: "bad", middleware.PoisonedTopicKey: "t",
			middleware.PoisonedHandlerKey: "batching.Publisher",
		}) {
			t.Fatalf("%s %v", got.UUID, meta)
		}
		if line := log.String(); !strings.Contains(line, "level=WARN") || !strings.Contains(line, "topic=t first=1 count=1 aside=poison reason=bad") {
			t.Errorf("logged %q", line)
		}
		if len(m.Metadata) != 1 {
			t.Fatalf("the caller's message was changed: %v", m.Metadata)
		}
		want(t, saw.saw("failed", "poisoned", "flushed"), "0s failed t 1+1 try 1: bad", "0s poisoned t lost=false: bad")
	})
}

func TestPoisonTopicFails(t *testing.T) {
	for name, c := range map[string]struct {
		topic string
		aside func(try int) error
		errs  []error // that the caller gets
		want  []string
		lost  bool
	}{
		"for a while": {"poison", func(try int) error {
			if try < 4 {
				return errDown
			}
			return nil
		}, nil, []string{"poison/a", "poison/b"}, false},
		"with a panic": {"poison", func(try int) error {
			if try < 2 {
				panic("boom")
			}
			return nil
		}, nil, []string{"poison/a", "poison/b"}, false},
		"for good":      {"poison", func(int) error { return fmt.Errorf("aside too: %w", errBad) }, []error{errBad}, nil, true},
		"too large":     {"poison", func(int) error { return errLarge }, []error{errBad, errLarge}, nil, true},
		"there is none": {"", nil, []error{errBad}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				next := poisoned(func() error { tries++; return c.aside(tries) })
				saw := newWatcher()
				cfg := poisonConfig
				cfg.PoisonTopic, cfg.Observer = c.topic, saw
				p := open(t, next, cfg)
				for _, payload := range []string{"a", "b"} { // the topic goes on
					err := p.Publish("t", msg(payload))
					if (err != nil) != c.lost {
						t.Fatal(err)
					}
					for _, target := range c.errs {
						wantErr(t, err, target)
					}
				}
				want(t, next.taken(), c.want...)
				var told []string
				for _, line := range saw.saw("poisoned") {
					_, line, _ = strings.Cut(line, " ")
					told = append(told, line)
				}
				line := fmt.Sprintf("poisoned t lost=%v: bad", c.lost)
				want(t, told, line, line)
			})
		})
	}
}

// What the poison topic does not take either has a last resort, unless its
// caller is told that it was not taken.
func TestTheLastResort(t *testing.T) {
	for name, c := range map[string]struct {
		acknowledge batching.Acknowledge
		keep        error
		kept        []string
		lost        bool
	}{
		"buffered":          {batching.Buffered, nil, []string{"1+1 a true"}, false},
		"flushed":           {batching.Flushed, nil, nil, true},
		"which fails":       {batching.Buffered, errDown, []string{"1+1 a true"}, true},
		"which panics, too": {batching.Buffered, errBad, []string{"1+1 a true"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				saw := newWatcher()
				cfg := poisonConfig
				cfg.Acknowledge, cfg.Observer = c.acknowledge, saw
				var kept []string
				cfg.LastResort = func(b batching.Batch, reason error) error {
					kept = append(kept, fmt.Sprintf("%d+%d %s %v", b.First, b.Count, b.Messages[0].Payload, errors.Is(reason, errLarge)))
					if errors.Is(c.keep, errBad) {
						panic("boom")
					}
					return c.keep
				}
				p := open(t, poisoned(func() error { return errLarge }), cfg)
				if err := p.Publish("t", msg("a")); (err != nil) != (c.acknowledge == batching.Flushed) {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				want(t, kept, c.kept...)
				if told := saw.saw("poisoned"); len(told) != 1 || !strings.Contains(told[0], fmt.Sprintf("lost=%v", c.lost)) {
					t.Errorf("told %q", told)
				}
			})
		})
	}
}

// A unit on its way to the poison topic is one of those that Close could not
// flush.
func TestCloseWhilePoisonTopicIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saw := newWatcher()
		cfg := poisonConfig
		cfg.Acknowledge, cfg.Observer = batching.Buffered, saw
		p, err := batching.New(poisoned(func() error { return errDown }), cfg)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, p, "t", "a")
		time.Sleep(time.Hour)
		err = p.Close()
		if !errors.Is(err, batching.ErrNotFlushed) || err.Error() != batching.ErrNotFlushed.Error()+": units by topic map[t:1]" {
			t.Errorf("Close: %v", err)
		}
		want(t, saw.saw("poisoned"))
		wantEmpty(t, p)
	})
}
