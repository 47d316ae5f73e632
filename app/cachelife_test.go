package app_test

import (
	"testing"
	"time"

	"millrace/app"
)

// However fast batches are stored, an answer is worked out once a second at
// most; and one whose question nobody asks is not worked out.
func TestHowLongAnOpenAnswerLives(t *testing.T) {
	inAnswers(t, func(a *answers) {
		a.ask(open, "1", app.FromStore)
		a.stored()
		time.Sleep(900 * time.Millisecond)
		a.ask(open, "1", app.FromCache) // the second is not over
		time.Sleep(200 * time.Millisecond)
		a.ask(open, "1", app.FromCacheStale)
		a.ask(open, "1", app.FromCacheStale) // it is being worked out already
		time.Sleep(200 * time.Millisecond)
		a.ask(open, "2", app.FromCache)
		time.Sleep(4 * time.Second)
		a.ask(open, "2", app.FromCache) // nothing was stored since
		a.stored()
		time.Sleep(2 * time.Second)
		a.ask(open, "3", app.FromStore) // too old to be given even once more
		if n := a.computed.Load(); n != 3 {
			a.t.Errorf("worked out %d times", n)
		}
	})
}

func TestHowLongAClosedAnswerLives(t *testing.T) {
	inAnswers(t, func(a *answers) {
		closed := app.Question{Key: "q", Closed: true}
		a.ask(closed, "1", app.FromStore)
		a.stored()
		time.Sleep(9 * time.Minute)
		a.ask(closed, "1", app.FromCache)
		time.Sleep(10 * time.Hour)
		a.ask(closed, "1", app.FromCacheStale)
		time.Sleep(time.Minute)
		a.ask(closed, "2", app.FromCache)
		a.ask(app.Question{Key: "q", Closed: true, Anew: true}, "3", app.FromStore)
		a.ask(app.Question{Key: "r", Closed: true}, "4", app.FromStore)
	})
}

// What a replica did not have yet when an answer was worked out may be missing
// for a second, not for as long as a closed range is kept.
func TestAnAnswerFromAReplica(t *testing.T) {
	inAnswers(t, func(a *answers) {
		a.replica = &replica{lag: 10 * time.Millisecond}
		a.cache = a.gateway(a.store)
		closed := app.Question{Key: "q", Closed: true}
		a.ask(closed, "1", app.FromStore) // it waits for the replica
		time.Sleep(9 * time.Minute)
		a.ask(closed, "1", app.FromCache)

		a.replica.paused = true
		closed.Key = "r"
		a.ask(closed, "2", app.FromStore)
		if a.replica.waited == 0 || a.replica.waited > time.Second {
			a.t.Errorf("it waited %s for the replica", a.replica.waited)
		}
		a.ask(closed, "2", app.FromCache)
		time.Sleep(1100 * time.Millisecond)
		a.ask(closed, "2", app.FromCacheStale)
		time.Sleep(time.Second)
		a.ask(closed, "3", app.FromCache)
		a.replica.paused = false
		time.Sleep(6 * time.Second)
		a.ask(closed, "4", app.FromStore) // too old to be given even once more
		time.Sleep(9 * time.Minute)
		a.ask(closed, "4", app.FromCache)

	})
}

func TestAnOpenAnswerFromAReplicaThatIsBehind(t *testing.T) {
	inAnswers(t, func(a *answers) {
		a.replica = &replica{paused: true}
		a.cache = a.gateway(a.store)
		a.ask(open, "1", app.FromStore)
		if a.replica.waited > 0 {
			a.t.Errorf("it waited %s for the replica", a.replica.waited)
		}
		time.Sleep(1100 * time.Millisecond)
		a.ask(open, "1", app.FromCacheStale) // although nothing was stored since
		time.Sleep(time.Second)
		a.ask(open, "2", app.FromCache)
	})
}
