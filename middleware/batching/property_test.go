package batching_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
	"millrace/middleware/batching/unitstest"
)

var (
	seed      = flag.Uint64("seed", 0, "the seed of one random schedule to run; 0: many, each with a seed of its own")
	schedules = flag.Int("schedules", 3000, "how many random schedules to run")
)

// Whatever the configuration, the calls and the failures, what the package
// promises holds. A seed fixes all of that, though not which of the goroutines
// that could run goes first.
func TestRandomSchedules(t *testing.T) {
	seeds := []uint64{*seed}
	if *seed == 0 {
		seeds = nil
		for range *schedules {
			seeds = append(seeds, rand.Uint64())
		}
	}
	var sum tally
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) { sum.add(runSchedule(t, seed)) })
		if t.Failed() {
			t.Fatalf("run it again with: go test -run TestRandomSchedules . -seed %d", seed)
		}
	}
	t.Logf("%d schedules: %+v", len(seeds), sum)
	if *seed == 0 && len(seeds) >= 1000 {
		sum.wantAllSeen(t)
	}
}

// tally counts units by what became of them.
type tally struct{ handed, aside, lost, left, dropped, rejected, halves, together int }

func (s *tally) add(o tally) {
	s.handed, s.aside, s.lost, s.left = s.handed+o.handed, s.aside+o.aside, s.lost+o.lost, s.left+o.left
	s.dropped, s.rejected, s.halves = s.dropped+o.dropped, s.rejected+o.rejected, s.halves+o.halves
	s.together += o.together
}

// wantAllSeen fails a run in which something never happened: it showed nothing.
func (s *tally) wantAllSeen(t *testing.T) {
	if s.handed == 0 || s.aside == 0 || s.lost == 0 || s.left == 0 || s.dropped == 0 || s.rejected == 0 || s.halves == 0 || s.together == 0 {
		t.Errorf("not everything happened: %+v", *s)
	}
}

// schedule is what one seed says shall happen. A unit is a text that ends with
// a semicolon: who published it, its number there, and padding. One with an
// exclamation mark can never be sent.
type schedule struct {
	cfg        batching.Config
	topics     int
	publishers int
	calls      int           // of each publisher
	gap        time.Duration // between two calls, at most
	unit       int           // bytes of padding, at most
	bad        float64       // share of units that can never be sent
	fails      float64       // share of tries that fail
	slow       time.Duration // that a try takes, at most
	limit      int           // bytes the next publisher takes at once
	outage     [2]time.Duration
	asideBad   bool          // the poison topic refuses for good
	patience   time.Duration // of a caller
	sluggish   time.Duration // for how long a caller is held up where it begins to wait, at most
	closeAt    time.Duration
}

func newSchedule(r *rand.Rand) schedule {
	upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d)) + 1) }
	maxMessages, maxBytes := 1+r.IntN(20), 20+r.IntN(300)
	s := schedule{
		topics: 1 + r.IntN(3), publishers: 1 + r.IntN(4), calls: 1 + r.IntN(12), gap: upTo(3 * time.Second),
		unit: r.IntN(40), slow: upTo(2 * time.Second), limit: 1 << 30, closeAt: upTo(40 * time.Second), patience: time.Hour,
		cfg: batching.Config{
			MaxMessages: maxMessages, MaxBytes: maxBytes, MaxDelay: upTo(10 * time.Second),
			BufferLimit: maxMessages * (1 + r.IntN(4)), BufferBytes: maxBytes * (1 + r.IntN(4)),
			WhenFull: batching.WhenFull(r.IntN(3)), Acknowledge: batching.Acknowledge(r.IntN(2)),
			RetryMin: upTo(time.Second), RetryMax: time.Second + upTo(9*time.Second), CloseTimeout: upTo(time.Minute),
			Count:      unitstest.Count,
			IsTooLarge: isLarge, IsPermanent: isBad,
		},
	}
	maybe := func(do func()) {
		if r.IntN(2) == 0 {
			do()
		}
	}
	maybe(func() { s.cfg.Split = unitstest.Split })
	maybe(func() { s.cfg.MaxTogether = 1 + r.IntN(4) })
	maybe(func() { s.cfg.PoisonTopic = "poison"; maybe(func() { s.asideBad = true }) })
	maybe(func() { s.bad = r.Float64() / 5 })
	maybe(func() { s.fails = r.Float64() / 2 })
	maybe(func() { s.limit = 20 + r.IntN(maxBytes) })
	maybe(func() { s.outage = [2]time.Duration{upTo(20 * time.Second), upTo(time.Hour)} })
	maybe(func() { s.patience = upTo(10 * time.Second) })
	maybe(func() { s.sluggish = upTo(10 * time.Second) })
	return s
}

// world is a schedule as it runs. It is the next publisher and the Observer,
// and it packs.
type world struct {
	t *testing.T
	schedule
	p     *batching.Publisher
	start time.Time

	mu       sync.Mutex
	random   *rand.Rand
	closed   bool
	handed   map[string]bool // units on their own topic
	aside    map[string]bool // units on the poison topic
	last     map[string]int  // by topic and publisher, the newest unit handed on
	next     map[string]uint64
	taken    map[string]int // by topic
	sum      tally
	accepted [][]string // the units of calls that returned nil
	refused  [][]string // the units of calls that took nothing
}

func runSchedule(t *testing.T, seed uint64) tally {
	random := rand.New(rand.NewPCG(seed, 1))
	w := &world{t: t, schedule: newSchedule(random), start: time.Now(), random: random,
		handed: map[string]bool{}, aside: map[string]bool{}, last: map[string]int{}, next: map[string]uint64{}, taken: map[string]int{}}
	w.cfg.Observer, w.cfg.Pack = w, w.pack
	var err error
	if w.p, err = batching.New(w, w.cfg); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range w.publishers {
		random := rand.New(rand.NewPCG(seed, uint64(i)+2))
		group.Go(func() { w.publish(i, random) })
	}
	time.Sleep(w.closeAt)
	began := time.Now()
	err = w.p.Close()
	// A try under way when the deadline comes cannot be ended, nor one after it
	// on the way to the poison topic.
	if took := time.Since(began); took > w.cfg.CloseTimeout+2*w.slow {
		t.Errorf("Close took %v, with a deadline of %v and tries of %v at most", took, w.cfg.CloseTimeout, w.slow)
	}
	group.Wait()
	w.check(err)
	return w.sum
}

// slowContext holds up whoever asks when it is done.
type slowContext struct {
	context.Context
	by time.Duration
}

func (c slowContext) Done() <-chan struct{} { time.Sleep(c.by); return c.Context.Done() }

// publish is one publisher: it makes its calls, one after another, all on one
// topic.
func (w *world) publish(who int, r *rand.Rand) {
	topic := fmt.Sprint("t", who%w.topics)
	number := 0
	for range w.calls {
		time.Sleep(time.Duration(r.Int64N(int64(w.gap))))
		var msgs []*message.Message
		var units []string
		for range 1 + r.IntN(3) {
			var payload strings.Builder
			for range r.IntN(8) {
				number++
				unit := fmt.Sprintf("%d.%d.%s", who, number, strings.Repeat("x", r.IntN(w.unit+1)))
				if r.Float64() < w.bad {
					unit += "!"
				}
				units = append(units, unit)
				payload.WriteString(unit + ";")
			}
			msgs = append(msgs, msg(payload.String()))
		}
		ctx, cancel := context.WithTimeout(context.Background(), w.patience)
		msgs[0].SetContext(slowContext{ctx, time.Duration(r.Int64N(int64(w.sluggish) + 1))})
		err := w.p.Publish(topic, msgs...)
		cancel()
		w.published(units, err)
	}
}

// published looks at how a call ended.
func (w *world) published(units []string, err error) {
	held := w.p.Stats()
	w.mu.Lock()
	defer w.mu.Unlock()
	if held.Units > w.cfg.BufferLimit || held.Bytes > w.cfg.BufferBytes || held.Units+held.Remaining != w.cfg.BufferLimit {
		w.t.Errorf("holds %+v, with limits of %d and %d", held, w.cfg.BufferLimit, w.cfg.BufferBytes)
	}
	switch {
	case err == nil:
		w.accepted = append(w.accepted, units)
		if w.cfg.Acknowledge == batching.Flushed {
			some, all := w.arrived(units)
			if !all && (some || w.cfg.WhenFull != batching.Drop) {
				w.t.Errorf("Publish returned nil before these were handed on: %q", units)
			}
		}
	case errors.Is(err, batching.ErrFull), errors.Is(err, batching.ErrTooLarge), errors.Is(err, batching.ErrClosed):
		w.refused = append(w.refused, units)
	case w.cfg.Acknowledge == batching.Flushed:
		switch {
		case errors.Is(err, context.DeadlineExceeded): // taken or not
		case errors.Is(err, batching.ErrNotFlushed), errors.Is(err, errBad), errors.Is(err, errLarge):
			if _, all := w.arrived(units); all {
				w.t.Errorf("Publish returned %v, though all were handed on: %q", err, units)
			}
		default:
			w.t.Errorf("Publish: %v", err)
		}
	case !errors.Is(err, context.DeadlineExceeded):
		w.t.Errorf("Publish, which does not wait for the flush: %v", err)
	default:
		w.refused = append(w.refused, units)
	}
}

// arrived tells whether some and whether all of these units were handed on or
// put aside, with the lock held.
func (w *world) arrived(units []string) (some, all bool) {
	all = true
	for _, unit := range units {
		if w.handed[unit] || w.aside[unit] {
			some = true
		} else {
			all = false
		}
	}
	return some, all
}
