package app_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"millrace/app"
)

// slowStore takes its time to keep a value, or cannot.
type slowStore struct {
	app.AnswerStore
	takes time.Duration
	err   error
}

func (s *slowStore) Put(ctx context.Context, key string, value []byte, life time.Duration) error {
	time.Sleep(s.takes)
	if s.err != nil {
		return s.err
	}
	return s.AnswerStore.Put(ctx, key, value, life)
}

// Nobody waits until an answer is kept. Who comes before it is need not have it
// worked out again; nor, for a second, when it cannot be kept.
func TestAnAnswerIsGivenBeforeItIsKept(t *testing.T) {
	for name, err := range map[string]error{"kept": nil, "not kept": app.Errorf(app.KindUnavailable, "full")} {
		t.Run(name, func(t *testing.T) {
			inAnswers(t, func(a *answers) {
				slow := a.gateway(&slowStore{AnswerStore: a.store, takes: 500 * time.Millisecond, err: err})
				began := time.Now()
				for range 9 {
					got, _, err := slow.Answer(a.t.Context(), open, a.compute)
					if err != nil || string(got.Body) != "1" {
						a.t.Errorf("%s, %v", got.Body, err)
					}
					time.Sleep(100 * time.Millisecond)
				}
				if waited := time.Since(began) - 9*100*time.Millisecond; waited > a.takes {
					a.t.Errorf("they waited %s", waited)
				}
				if err := slow.Close(); err != nil {
					a.t.Error(err)
				}
			})
		})
	}
}

// A store that fails now and then has nobody's answer worked out twice in the
// second for which it is good.
func TestAStoreThatFailsForAMoment(t *testing.T) {
	inAnswers(t, func(a *answers) {
		a.ask(open, "1", app.FromStore)
		a.store.Fail(app.Errorf(app.KindUnavailable, "slow"))
		time.Sleep(900 * time.Millisecond)
		a.ask(open, "1", app.FromCache)
		time.Sleep(200 * time.Millisecond)
		a.ask(open, "2", app.Bypassed)
	})
}

// What is remembered beside the store is bounded: by the bodies of answers, and by
// their number, since each takes more than its body.
func TestManyAnswersAreNotAllRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		many   int64
		answer app.Answer
	}{
		"large":        {20, app.Answer{Body: make([]byte, 1<<20)}},
		"small":        {17_000, app.Answer{}},
		"with headers": {2000, app.Answer{Header: map[string][]string{"Link": {strings.Repeat("l", 10_000)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			inAnswers(t, func(a *answers) {
				a.store.Fail(app.Errorf(app.KindUnavailable, "away"))
				ask := func(nth int64) {
					_, _, err := a.cache.Answer(a.t.Context(), app.Question{Key: strconv.FormatInt(nth, 10)}, func(context.Context) (app.Answer, error) {
						a.computed.Add(1)
						return c.answer, nil
					})
					if err != nil {
						a.t.Fatal(err)
					}
				}
				for nth := range c.many {
					ask(nth)
				}
				ask(c.many - 1)
				if n := a.computed.Load(); n != c.many {
					a.t.Errorf("worked out %d times: the last is not remembered", n)
				}
				ask(0)
				if n := a.computed.Load(); n != c.many+1 {
					a.t.Errorf("worked out %d times: the first is remembered still", n)
				}
			})
		})
	}
}
