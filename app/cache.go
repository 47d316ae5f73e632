package app

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// AnswerStore keeps values under keys for a while, for every gateway. Redis fills
// it. Safe for concurrent use. It may lose everything at any time; its errors
// come soon, but no value is Claim's KindNotFound.
// Each key has a lock beside its value, which ends by itself.
type AnswerStore interface {
	// Claim returns the value under a key. When there is none it takes the key's
	// lock for as long as life, which is false when another has it.
	Claim(ctx context.Context, key string, life time.Duration) (value []byte, locked bool, err error)
	// Lock takes a key's lock, whether or not there is a value. It is false when
	// another has it.
	Lock(ctx context.Context, key string, life time.Duration) (bool, error)
	// Put keeps a value for as long as life, and gives the key's lock back.
	Put(ctx context.Context, key string, value []byte, life time.Duration) error
	// Unlock gives a lock back before its end.
	Unlock(ctx context.Context, key string) error
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
	cfg        AnswerCacheConfig
	store      AnswerStore
	flights    *flights[found]
	remembered remembered
	named      atomic.Uint64 // flights that are joined by nobody
}

// found is an answer and where it came from.
type found struct {
	answer Answer
	source RecentSource
}

// NewAnswerCache returns a cache.
func NewAnswerCache(cfg AnswerCacheConfig) *AnswerCache {
	return &AnswerCache{cfg: cfg, store: cfg.Store, flights: newFlights[found](cfg.Timeout)}
}

// Close ends what is being worked out, and waits for it.
func (c *AnswerCache) Close() error {
	c.flights.close()
	return nil
}

// computation works an answer out.
type computation = func(context.Context) (Answer, error)

// Answer returns the answer to a question, which compute works out when it must
// be. The answer must not be changed. compute runs with a context of its own that
// has ctx's values, and ends when nobody waits for it any more.
func (c *AnswerCache) Answer(ctx context.Context, q Question, compute func(context.Context) (Answer, error)) (Answer, RecentSource, error) {
	key := c.key(q.Key)
	name, find := key, c.find
	if q.Anew {
		// For one who asks, whatever is under way already.
		name, find = fmt.Sprintf("%s:anew:%d", key, c.named.Add(1)), c.workAndKeep
	}
	// One flight for all who want the same, from the look into the store on: a
	// thousand looks would wait for each other, and take the store for slow.
	got, err := c.flights.do(ctx, name, func(ctx context.Context) (found, error) { return find(ctx, key, q, compute) })
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return got.answer, got.source, err
}

func (c *AnswerCache) key(question string) string {
	return "millrace:answer:1:" + digest([]byte(c.cfg.Scope+"\x00"+question))
}

// readAnswer returns the answer in a value of the store.
func readAnswer(value []byte) (Answer, bool) {
	answer, ok := decodeAnswer(value)
	// A clock that is ahead would make it young for ever.
	return answer, ok && !answer.Computed.After(time.Now().Add(openFresh))
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

// find looks into the store, unless what is wanted is remembered, and works out
// what is not there or has aged.
func (c *AnswerCache) find(ctx context.Context, key string, q Question, compute computation) (found, error) {
	if answer, ok := c.remembered.get(key); ok {
		return found{answer, FromCache}, nil
	}
	value, locked, err := c.store.Claim(ctx, key, lockLife)
	switch kept, ok := readAnswer(value); {
	case err != nil: // none, or nobody knows
	case ok && c.isFresh(kept, q.Closed):
		c.remembered.add(key, kept)
		return found{kept, FromCache}, nil
	case ok && kept.age() < staleFor(q.Closed && !kept.Behind):
		c.flights.begin(ctx, key+":refresh", func(ctx context.Context) (found, error) { return c.refresh(ctx, key, q, compute) })
		return found{kept, FromCacheStale}, nil
	default:
		locked, err = c.store.Lock(ctx, key, lockLife)
	}
	if err != nil && KindOf(err) != KindNotFound {
		answer, err := c.work(ctx, key, false, compute)
		return found{answer, Bypassed}, err
	}
	if !locked {
		if answer := c.await(ctx, key, q.Closed); answer != nil {
			return found{*answer, FromCache}, nil
		}
	}
	return c.workAndKeep(ctx, key, q, compute)
}

// refresh works an answer out while the old one is given, unless that is being
// done already. Nobody waits for it.
func (c *AnswerCache) refresh(ctx context.Context, key string, q Question, compute computation) (found, error) {
	locked, err := c.store.Lock(ctx, key, lockLife)
	if err != nil || !locked {
		return found{}, err // without the store it could not be kept
	}
	return c.workAndKeep(ctx, key, q, compute)
}

// await waits for another gateway's answer, for as long as its lock may live. It
// returns nil when there is none, and this one is to work it out.
func (c *AnswerCache) await(ctx context.Context, key string, closed bool) *Answer {
	tick := time.NewTicker(lockPause)
	defer tick.Stop()
	end := time.NewTimer(lockLife)
	defer end.Stop()
	for {
		select {
		case <-tick.C:
		case <-end.C:
			return nil
		case <-ctx.Done():
			return nil
		}
		value, locked, err := c.store.Claim(ctx, key, lockLife)
		if answer, ok := readAnswer(value); err == nil && ok && c.isFresh(answer, closed) {
			c.remembered.add(key, answer)
			return &answer
		}
		if locked || err != nil && KindOf(err) != KindNotFound {
			return nil
		}
	}
}

// workAndKeep works an answer out and has it kept, for which nobody waits. One
// that fails, or comes when the cache is closed, is not kept, and gives the lock
// back.
func (c *AnswerCache) workAndKeep(ctx context.Context, key string, q Question, compute computation) (found, error) {
	keeping := false
	defer func() {
		if !keeping {
			c.unlock(ctx, key)
		}
	}()
	answer, err := c.work(ctx, key, q.Closed, compute)
	if err == nil {
		name := fmt.Sprintf("%s:keep:%d", key, c.named.Add(1))
		keeping = c.flights.begin(ctx, name, func(ctx context.Context) (found, error) { return found{}, c.keep(ctx, key, q, answer) })
	}
	return found{answer, FromStore}, err
}

// work works an answer out, and remembers it. It may be meant to be kept for long.
func (c *AnswerCache) work(ctx context.Context, key string, long bool, compute computation) (Answer, error) {
	began := time.Now()
	behind := c.isBehind(ctx, long)
	answer, err := compute(ctx)
	if err != nil {
		return Answer{}, err
	}
	answer.Computed, answer.Took, answer.Behind = began, time.Since(began), behind
	answer.Tag = digest(answer.Body)
	c.remembered.add(key, answer)
	return answer, nil
}

// keep puts an answer into the store, and gives the lock back. In the place of one
// that is too large there is none for a moment: what was there before, and was
// smaller, is not given any more. Where it fails, the next one works it out.
func (c *AnswerCache) keep(ctx context.Context, key string, q Question, answer Answer) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if len(answer.Body) > maxAnswer {
		return c.store.Put(ctx, key, nil, time.Millisecond)
	}
	return c.store.Put(ctx, key, encodeAnswer(answer), staleFor(q.Closed && !answer.Behind))
}

func (c *AnswerCache) unlock(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	_ = c.store.Unlock(ctx, key) // it ends by itself
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
