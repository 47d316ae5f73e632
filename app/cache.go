package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"
)

// AnswerStore keeps values under keys for a while, for every gateway. Redis fills
// it. Safe for concurrent use. It may lose everything at any time; its errors
// are KindNotFound when there is no value, and otherwise come soon.
type AnswerStore interface {
	// Get returns the value under a key, or an Error of KindNotFound.
	Get(ctx context.Context, key string) ([]byte, error)
	// Set keeps a value for as long as life.
	Set(ctx context.Context, key string, value []byte, life time.Duration) error
	// Lock takes a lock that ends by itself after life. It is false when
	// another has it.
	Lock(ctx context.Context, key string, life time.Duration) (bool, error)
	// Unlock gives a lock back before its end.
	Unlock(ctx context.Context, key string) error
}

// Answer is what was answered to a question, and when it was worked out.
type Answer struct {
	Body     []byte
	Header   map[string][]string // what belongs to the body, such as its type
	Tag      string              // tells bodies apart: for ETag
	Computed time.Time           // when working it out began: what was stored later is not in it
	Took     time.Duration       // to work it out
	Behind   bool                // something that was stored before may not be in it, either: a replica had not got it
}

// age is how long the answer has been there.
func (a Answer) age() time.Duration { return time.Since(a.Computed) - a.Took }

// Question is what an answer is to.
type Question struct {
	// Key is the same for questions with the same answer.
	Key string
	// Closed tells that what is asked of lies so far back that it hardly
	// changes any more.
	Closed bool
	// Anew wants no answer that is there already, and none that somebody began to
	// work out before: all that was stored when it is asked is in its answer.
	Anew bool
}

// Searched is what answers are worked out from, when that is another server than
// the one that is written to. Safe for concurrent use.
type Searched interface {
	// CaughtUp tells whether it has all that was stored when it was asked, and
	// waits a while for that. In doubt it has not.
	CaughtUp(ctx context.Context, wait time.Duration) bool
}

// FromCacheStale is the X-Cache of an answer that is older than what is stored,
// while a new one is worked out.
const FromCacheStale RecentSource = "stale"

// How long answers live. An open one is good until something is stored, but for
// a second in any case: however fast batches come, a question is worked out once
// a second at most. Stale, it is given once more while a new one is worked out.
// Times that relate to now move on with it, so that even without new logs none
// lives long. All this is counted from when it was ready. One that may lack what
// was stored before is good for the second and no longer, closed or not.
const (
	openFresh   = time.Second
	openQuiet   = 5 * time.Second // fresh as long as nothing is stored
	openStale   = 5 * time.Second
	closedFresh = 10 * time.Minute
	closedStale = 24 * time.Hour
)

const (
	// lockLife is how long others wait for one that works out an answer.
	lockLife = 2 * time.Second
	// lockPause is how often they look whether it is there.
	lockPause = 20 * time.Millisecond
	// storeTimeout bounds what is done about an answer that is ready.
	storeTimeout = time.Second
	// catchUp is how long an answer that is to be kept for long waits for what it
	// is worked out from: a replica that works is behind by some milliseconds.
	catchUp = 250 * time.Millisecond
	// maxAnswer is the largest body that is kept, in bytes.
	maxAnswer = 1 << 20
)

// AnswerCacheConfig says what an AnswerCache is for.
type AnswerCacheConfig struct {
	Store AnswerStore // required
	// Scope tells apart what shares a store and has other logs.
	Scope string
	// Changed returns when something was stored last, as far as is known.
	// Required.
	Changed func() time.Time
	// Searched is nil when answers are worked out where logs are stored.
	Searched Searched
	Timeout  time.Duration // bounds working out an answer
}

// AnswerCache answers questions from a store, and works out what is not there or
// has aged: once for all who ask the same at the same time, here and, while the
// store answers, at other gateways. A store that is away or slow costs no more
// than its own short wait. Safe for concurrent use.
type AnswerCache struct {
	cfg     AnswerCacheConfig
	store   AnswerStore
	looks   *flights[Answer]
	flights *flights[found]
	asked   atomic.Uint64 // questions that wanted their answers anew
}

// found is an answer and where it came from.
type found struct {
	answer Answer
	source RecentSource
}

// NewAnswerCache returns a cache.
func NewAnswerCache(cfg AnswerCacheConfig) *AnswerCache {
	return &AnswerCache{cfg: cfg, store: cfg.Store, looks: newFlights[Answer](cfg.Timeout), flights: newFlights[found](cfg.Timeout)}
}

// Close ends what is being worked out, and waits for it.
func (c *AnswerCache) Close() error {
	c.flights.close()
	c.looks.close()
	return nil
}

// Answer returns the answer to a question, which compute works out when it must
// be. The answer must not be changed. compute runs with a context of its own that
// has ctx's values, and ends when nobody waits for it any more.
func (c *AnswerCache) Answer(ctx context.Context, q Question, compute func(context.Context) (Answer, error)) (Answer, RecentSource, error) {
	key := c.key(q.Key)
	if q.Anew {
		got, err := c.anew(ctx, key, q, compute)
		return got.answer, got.source, err
	}
	// One look for all who want the same: a thousand would wait for each other's,
	// and take the store for slow.
	kept, err := c.looks.do(ctx, key, func(ctx context.Context) (Answer, error) { return c.get(ctx, key) })
	switch {
	case ctx.Err() != nil:
		return Answer{}, "", ctx.Err()
	case err != nil:
	case c.isFresh(kept, q.Closed):
		return kept, FromCache, nil
	case kept.age() < staleFor(q.Closed && !kept.Behind):
		c.flights.begin(ctx, key+":refresh", func(ctx context.Context) (found, error) { return c.refresh(ctx, key, q, compute) })
		return kept, FromCacheStale, nil
	}
	away := err != nil && KindOf(err) != KindNotFound
	got, err := c.flights.do(ctx, key, func(ctx context.Context) (found, error) { return c.work(ctx, key, q, away, compute) })
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return got.answer, got.source, err
}

// anew works an answer out for one who asks, whatever is under way already.
func (c *AnswerCache) anew(ctx context.Context, key string, q Question, compute func(context.Context) (Answer, error)) (found, error) {
	own := fmt.Sprintf("%s:anew:%d", key, c.asked.Add(1))
	return c.flights.do(ctx, own, func(ctx context.Context) (found, error) {
		answer, err := c.compute(ctx, key, q.Closed, true, compute)
		return found{answer, FromStore}, err
	})
}

func (c *AnswerCache) key(question string) string {
	sum := sha256.Sum256([]byte(c.cfg.Scope + "\x00" + question))
	return "millrace:answer:1:" + hex.EncodeToString(sum[:16])
}

func (c *AnswerCache) get(ctx context.Context, key string) (Answer, error) {
	value, err := c.store.Get(ctx, key)
	if err != nil {
		return Answer{}, err
	}
	answer, ok := decodeAnswer(value)
	if !ok || answer.Computed.After(time.Now().Add(openFresh)) { // a clock that is ahead would make it young for ever
		return Answer{}, Errorf(KindNotFound, "what is kept is none of ours")
	}
	return answer, nil
}

func (c *AnswerCache) isFresh(a Answer, closed bool) bool {
	age := a.age()
	switch {
	case a.Behind:
		return age < openFresh
	case closed:
		return age < closedFresh
	case age < openFresh:
		return true
	default:
		return age < openQuiet && c.cfg.Changed().Before(a.Computed)
	}
}

func staleFor(closed bool) time.Duration {
	if closed {
		return closedStale
	}
	return openStale
}

// work works an answer out, unless another gateway does so already.
func (c *AnswerCache) work(ctx context.Context, key string, q Question, away bool, compute func(context.Context) (Answer, error)) (found, error) {
	if !away {
		locked, err := c.store.Lock(ctx, lockOf(key), lockLife)
		if err != nil {
			away = true
		}
		if err == nil && !locked {
			if answer, ok := c.await(ctx, key, q.Closed); ok {
				return found{answer, FromCache}, nil
			}
		}
		if locked {
			defer c.unlock(ctx, key)
			// Who looked before it was there, and comes here only after it was
			// made, need not make it again.
			if answer, err := c.get(ctx, key); err == nil && c.isFresh(answer, q.Closed) {
				return found{answer, FromCache}, nil
			}
		}
	}
	source := FromStore
	if away {
		source = Bypassed
	}
	answer, err := c.compute(ctx, key, q.Closed, !away, compute)
	return found{answer, source}, err
}

// refresh works an answer out while the old one is given, unless that is being
// done already. Nobody waits for it.
func (c *AnswerCache) refresh(ctx context.Context, key string, q Question, compute func(context.Context) (Answer, error)) (found, error) {
	locked, err := c.store.Lock(ctx, lockOf(key), lockLife)
	if err != nil || !locked {
		return found{}, err // without the store it could not be kept
	}
	defer c.unlock(ctx, key)
	answer, err := c.compute(ctx, key, q.Closed, true, compute)
	return found{answer, FromStore}, err
}

func lockOf(key string) string { return key + ":lock" }

func (c *AnswerCache) unlock(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	_ = c.store.Unlock(ctx, lockOf(key)) // it ends by itself
}

// await waits for another gateway's answer, for as long as its lock may live.
func (c *AnswerCache) await(ctx context.Context, key string, closed bool) (Answer, bool) {
	tick := time.NewTicker(lockPause)
	defer tick.Stop()
	end := time.NewTimer(lockLife)
	defer end.Stop()
	for {
		select {
		case <-tick.C:
		case <-end.C:
			return Answer{}, false
		case <-ctx.Done():
			return Answer{}, false
		}
		answer, err := c.get(ctx, key)
		if err == nil && c.isFresh(answer, closed) {
			return answer, true
		}
		if err != nil && KindOf(err) != KindNotFound {
			return Answer{}, false
		}
	}
}

// compute works an answer out and keeps it. An error is not kept.
func (c *AnswerCache) compute(ctx context.Context, key string, closed, keep bool, compute func(context.Context) (Answer, error)) (Answer, error) {
	began := time.Now()
	behind := c.isBehind(ctx, closed && keep)
	answer, err := compute(ctx)
	if err != nil {
		return Answer{}, err
	}
	answer.Computed, answer.Took, answer.Behind = began, time.Since(began), behind
	sum := sha256.Sum256(answer.Body)
	answer.Tag = hex.EncodeToString(sum[:12])
	if keep && len(answer.Body) <= maxAnswer {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		_ = c.store.Set(ctx, key, encodeAnswer(answer), staleFor(closed && !behind)) // else the next one works it out
	}
	return answer, nil
}

// isBehind tells whether what answers are worked out from lacks something that is
// stored. For an answer that is to be kept for long it waits a little.
func (c *AnswerCache) isBehind(ctx context.Context, long bool) bool {
	if c.cfg.Searched == nil {
		return false
	}
	var wait time.Duration
	if long {
		wait = catchUp
	}
	return !c.cfg.Searched.CaughtUp(ctx, wait)
}
