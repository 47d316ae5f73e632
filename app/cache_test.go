package app_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"millrace/app"
	"millrace/app/redis/answertest"
)

// answers is a cache, or several over one store, with what they work out.
type answers struct {
	t        *testing.T
	store    *answertest.Memory
	cache    *app.AnswerCache
	changed  atomic.Int64 // when something was stored last
	computed atomic.Int64
	takes    time.Duration // to work one out
	err      error
	replica  *replica // nil: none
}

// replica is what answers are worked out from; it gets what was stored after
// lag, or never while it is paused.
type replica struct {
	lag    time.Duration
	paused bool
	waited time.Duration
}

func (r *replica) CaughtUp(ctx context.Context, wait time.Duration) bool {
	began := time.Now()
	defer func() { r.waited = time.Since(began) }()
	if r.paused || r.lag > wait {
		time.Sleep(wait)
		return false
	}
	time.Sleep(r.lag)
	return true
}

const answerTimeout = 10 * time.Second

func inAnswers(t *testing.T, test func(a *answers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{t: t, store: answertest.NewMemory(), takes: 100 * time.Millisecond}
		a.cache = a.gateway(a.store)
		test(a)
		if err := a.cache.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (a *answers) gateway(store app.AnswerStore) *app.AnswerCache {
	cfg := app.AnswerCacheConfig{Store: store, Scope: "here", Changed: func() time.Time { return time.Unix(0, a.changed.Load()) }, Timeout: answerTimeout}
	if a.replica != nil {
		cfg.Searched = a.replica
	}
	return app.NewAnswerCache(cfg)
}

// stored notes that something was stored just now.
func (a *answers) stored() { a.changed.Store(time.Now().UnixNano()) }

// compute answers with how many answers were worked out.
func (a *answers) compute(ctx context.Context) (app.Answer, error) {
	n := a.computed.Add(1)
	select {
	case <-time.After(a.takes):
	case <-ctx.Done():
		return app.Answer{}, ctx.Err()
	}
	return app.Answer{Body: []byte(strconv.FormatInt(n, 10)), Header: map[string][]string{"Content-Type": {"text/plain"}}}, a.err
}

// ask asks and wants the nth answer from somewhere. On return it is kept.
func (a *answers) ask(q app.Question, nth string, from app.RecentSource) {
	a.t.Helper()
	defer synctest.Wait()
	got, source, err := a.cache.Answer(a.t.Context(), q, a.compute)
	if err != nil || string(got.Body) != nth || source != from {
		a.t.Fatalf("answer %q from %q, %v: want %q from %q", got.Body, source, err, nth, from)
	}
	if got.Tag == "" || got.Header["Content-Type"][0] != "text/plain" {
		a.t.Errorf("answer %+v", got)
	}
}

var open = app.Question{Key: "q"}

func TestEqualQuestionsAtOnceAreWorkedOutOnce(t *testing.T) {
	inAnswers(t, func(a *answers) {
		var all sync.WaitGroup
		another := a.gateway(a.store.Other())
		for i := range 1000 {
			cache := a.cache
			if i%2 == 0 {
				cache = another
			}
			all.Go(func() {
				got, _, err := cache.Answer(a.t.Context(), open, a.compute)
				if err != nil || string(got.Body) != "1" {
					a.t.Errorf("%s, %v", got.Body, err)
				}
			})
		}
		all.Wait()
		if n := a.computed.Load(); n != 1 {
			a.t.Errorf("worked out %d times", n)
		}
		if err := another.Close(); err != nil {
			a.t.Error(err)
		}
	})
}

// One who wants an answer anew does not get one that was begun before something
// was stored, whoever works it out and wherever.
func TestAnAnswerAnewIsBegunWhenItIsAskedFor(t *testing.T) {
	inAnswers(t, func(a *answers) {
		another := a.gateway(a.store.Other())
		var all sync.WaitGroup
		for _, cache := range []*app.AnswerCache{a.cache, another} {
			all.Go(func() { _, _, _ = cache.Answer(a.t.Context(), open, a.compute) }) // one waits for the other's
		}
		time.Sleep(a.takes / 2)
		a.stored()
		anew := open
		anew.Anew = true
		for nth, cache := range []*app.AnswerCache{a.cache, a.cache, another} {
			all.Go(func() {
				time.Sleep(time.Duration(nth)) // in this order
				got, source, err := cache.Answer(a.t.Context(), anew, a.compute)
				if want := strconv.Itoa(nth + 2); err != nil || string(got.Body) != want || source != app.FromStore {
					a.t.Errorf("answer %q from %q, %v: want %s", got.Body, source, err, want)
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		a.ask(open, "4", app.FromCache) // others may have the newest of them
		if err := another.Close(); err != nil {
			a.t.Error(err)
		}
	})
}

// lateStore tells the first who asks what was there some time ago.
type lateStore struct {
	app.AnswerStore
	by    time.Duration
	asked atomic.Bool
}

func (l *lateStore) Claim(ctx context.Context, key string, life time.Duration) ([]byte, bool, error) {
	if l.asked.CompareAndSwap(false, true) {
		time.Sleep(l.by)
	}
	return l.AnswerStore.Claim(ctx, key, life)
}

// One who looked for the answer before it was there, and goes on after it was
// made, takes it.
func TestWhoLookedTooEarlyTakesTheAnswerThatIsThereNow(t *testing.T) {
	inAnswers(t, func(a *answers) {
		late := a.gateway(&lateStore{AnswerStore: a.store, by: a.takes + 50*time.Millisecond})
		var both sync.WaitGroup
		both.Go(func() {
			got, source, err := late.Answer(a.t.Context(), open, a.compute)
			if err != nil || string(got.Body) != "1" || source != app.FromCache {
				a.t.Errorf("%s from %s, %v", got.Body, source, err)
			}
		})
		a.ask(open, "1", app.FromStore)
		both.Wait()
		if err := late.Close(); err != nil {
			a.t.Error(err)
		}
	})
}

// An answer that has grown too large to be kept is not passed over for the one
// that was kept while it was small.
func TestAClosedAnswerThatGrewTooLarge(t *testing.T) {
	inAnswers(t, func(a *answers) {
		closed := app.Question{Key: "q", Closed: true}
		a.ask(closed, "1", app.FromStore)
		time.Sleep(10 * time.Hour)
		large := func(context.Context) (app.Answer, error) {
			a.computed.Add(1)
			return app.Answer{Body: make([]byte, 1<<20+1)}, nil
		}
		for _, want := range []app.RecentSource{app.FromCacheStale, app.FromStore, app.FromStore} {
			got, source, err := a.cache.Answer(a.t.Context(), closed, large)
			if err != nil || source != want || (len(got.Body) > 1<<20) != (want == app.FromStore) {
				a.t.Errorf("%d bytes from %q, %v: want them from %q", len(got.Body), source, err, want)
			}
			time.Sleep(20 * time.Millisecond)
		}
		another := a.gateway(a.store.Other())
		if got, source, err := another.Answer(a.t.Context(), closed, large); err != nil || len(got.Body) <= 1<<20 || source != app.FromStore {
			a.t.Errorf("another has %d bytes from %q, %v", len(got.Body), source, err)
		}
		if err := another.Close(); err != nil {
			a.t.Error(err)
		}
		a.ask(closed, "6", app.FromStore) // it is small again, and kept
		a.ask(closed, "6", app.FromCache)
	})
}

func TestAStoreThatIsAwayCostsNoAnswer(t *testing.T) {
	inAnswers(t, func(a *answers) {
		a.store.Fail(app.Errorf(app.KindUnavailable, "away"))
		a.ask(open, "1", app.Bypassed)
		time.Sleep(1100 * time.Millisecond)
		a.ask(open, "2", app.Bypassed)
		time.Sleep(1100 * time.Millisecond)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got, _, err := a.cache.Answer(a.t.Context(), open, a.compute); err != nil || string(got.Body) != "3" {
					a.t.Errorf("%s, %v", got.Body, err)
				}
			})
		}
		all.Wait()
		a.store.Fail(nil)
		time.Sleep(10 * time.Second)
		a.ask(open, "4", app.FromStore)
	})
}

// The first who asked may leave; only when all have, it ends.
func TestWhoLeavesTakesNothingFromTheOthers(t *testing.T) {
	inAnswers(t, func(a *answers) {
		a.takes = 5 * time.Second
		ended := make(chan error, 1)
		compute := func(ctx context.Context) (app.Answer, error) {
			answer, err := a.compute(ctx)
			ended <- err
			return answer, err
		}
		first, leave := context.WithCancel(a.t.Context())
		second, leaveToo := context.WithCancel(a.t.Context())
		var all sync.WaitGroup
		for _, ctx := range []context.Context{first, second} {
			all.Go(func() {
				if _, _, err := a.cache.Answer(ctx, open, compute); !errors.Is(err, context.Canceled) {
					a.t.Errorf("who left: %v", err)
				}
			})
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		select {
		case err := <-ended:
			a.t.Fatalf("it ended with the first: %v", err)
		default:
		}
		leaveToo()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			a.t.Errorf("nobody waits, and it ended with %v", err)
		}
		all.Wait()
		a.takes = time.Second
		a.ask(open, "2", app.FromStore)
	})
}

func TestAnErrorIsEverybodysAndNotKept(t *testing.T) {
	inAnswers(t, func(a *answers) {
		a.err = app.Errorf(app.KindTimeout, "too slow")
		if _, _, err := a.cache.Answer(a.t.Context(), open, a.compute); app.KindOf(err) != app.KindTimeout {
			a.t.Errorf("got %v", err)
		}
		a.err = nil
		a.ask(open, "2", app.FromStore)
		_, _, err := a.cache.Answer(a.t.Context(), app.Question{Key: "panic"}, func(context.Context) (app.Answer, error) { panic("a hole") })
		if err == nil || !strings.Contains(err.Error(), "a hole") {
			a.t.Errorf("a panic: %v", err)
		}
		a.takes = time.Hour
		if _, _, err := a.cache.Answer(a.t.Context(), app.Question{Key: "slow"}, a.compute); !errors.Is(err, context.DeadlineExceeded) {
			a.t.Errorf("too slow: %v", err)
		}
	})
}

// Another gateway that took the lock and died holds nobody up for long.
func TestALockWhoseHolderDied(t *testing.T) {
	inAnswers(t, func(a *answers) {
		dead := a.gateway(a.store.Other())
		ctx, die := context.WithCancel(a.t.Context())
		a.takes = time.Hour
		go func() { _, _, _ = dead.Answer(ctx, open, a.compute) }()
		synctest.Wait()
		a.takes = time.Millisecond
		began := time.Now()
		a.ask(open, "2", app.FromStore)
		if waited := time.Since(began); waited > 3*time.Second {
			a.t.Errorf("waited %s", waited)
		}
		die()
		if err := dead.Close(); err != nil {
			a.t.Error(err)
		}
		if _, _, err := dead.Answer(a.t.Context(), app.Question{Key: "r"}, a.compute); app.KindOf(err) != app.KindUnavailable {
			a.t.Errorf("a cache that is closed: %v", err)
		}
	})
}

// A gateway that stops before its answer is kept leaves no lock behind for others
// to wait for.
func TestAGatewayThatStopsGivesItsLockBack(t *testing.T) {
	inAnswers(t, func(a *answers) {
		stopping := a.gateway(a.store.Other())
		var asking sync.WaitGroup
		asking.Go(func() {
			got, _, err := stopping.Answer(a.t.Context(), open, func(context.Context) (app.Answer, error) {
				time.Sleep(a.takes) // and is ready although it is not wanted any more
				return app.Answer{Body: []byte("last")}, nil
			})
			if err != nil || string(got.Body) != "last" {
				a.t.Errorf("%s, %v", got.Body, err)
			}
		})
		time.Sleep(a.takes / 2)
		if err := stopping.Close(); err != nil {
			a.t.Error(err)
		}
		asking.Wait()
		began := time.Now()
		a.ask(open, "1", app.FromStore)
		if waited := time.Since(began); waited > a.takes {
			a.t.Errorf("another gateway waited %s", waited)
		}
	})
}

// What else lies in the store under our keys is no answer.
func TestWhatIsNoAnswerIsNotGiven(t *testing.T) {
	inAnswers(t, func(a *answers) {
		a.ask(open, "1", app.FromStore)
		a.store.Spoil([]byte("something else"))
		time.Sleep(1100 * time.Millisecond)
		a.ask(open, "2", app.FromStore)
		a.store.Spoil(nil)
		time.Sleep(1100 * time.Millisecond)
		a.ask(open, "3", app.FromStore)
	})
}
