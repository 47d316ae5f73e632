package app

import (
	"bytes"
	"context"
	"encoding/json"
	"sync/atomic"
	"time"
)

const (
	// RecentKept is how many of the newest logs the cache keeps, at the most.
	RecentKept = MaxLimit
	// RecentBytes is how many bytes the messages and attributes of the newest logs
	// have together, at the most: the list is read anew after each batch, and a
	// batch may have no more than nine logs.
	RecentBytes = 8 << 20
)

// RecentLogs are the newest logs, newest first, each as one JSON object, and
// the snapshot of the store in which they were read.
type RecentLogs struct {
	Snapshot Snapshot
	Logs     []json.RawMessage
}

// RecentSource says where an answer of Recent came from.
type RecentSource string

// The values of the X-Cache header.
const (
	FromCache RecentSource = "hit"    // the cache, and nothing newer is stored
	FromStore RecentSource = "miss"   // the store, since the cache was behind or empty
	Bypassed  RecentSource = "bypass" // the store, since the cache could not be asked
)

// RecentAnswer is the newest logs as they are sent. Nothing of it may be changed.
type RecentAnswer struct {
	Array  []byte // a JSON array
	Packed []byte // the array compressed; nil when it is not kept so
	Tag    string // equal only for equal arrays: for ETag
	Source RecentSource
}

const (
	// nearLife is how long a copy is given without asking the cache whether it
	// is still there, and has what is newest.
	nearLife = 100 * time.Millisecond
	// recentTimeout bounds a look that several wait for.
	recentTimeout = 10 * time.Second
)

// Recent answers with the newest logs from a cache, yet never with less than
// the last stored batch: a cached answer is used only when the feed of stored
// batches says that its snapshot covers them all. It keeps a copy of what it
// last had from the cache, or had in its place, to which the same applies. Safe
// for concurrent use.
type Recent struct {
	reader  LogReader
	cache   RecentCache
	feed    StoredFeed
	pack    func([]byte) []byte
	copies  [2]nearCopy // of few logs, and of all that are kept
	flights *flights[looked]
}

// nearCopy is the copy of so many logs, and the name of what looks for them.
type nearCopy struct {
	size int
	name string
	logs atomic.Pointer[nearLogs]
}

// looked is what a look found.
type looked struct {
	logs   *nearLogs // nil: the cache could not be asked
	source RecentSource
	began  time.Time
}

// NewRecent returns a Recent over its three parts. What is sent again and again is
// compressed once, by pack, which returns nil for what it leaves as it is.
func NewRecent(reader LogReader, cache RecentCache, feed StoredFeed, pack func([]byte) []byte) *Recent {
	r := &Recent{reader: reader, cache: cache, feed: feed, pack: pack, flights: newFlights[looked](recentTimeout)}
	r.copies[0].size, r.copies[0].name = DefaultLimit, "few"
	r.copies[1].size, r.copies[1].name = RecentKept, "all"
	return r
}

// Close ends what is being looked for, and waits for it.
func (r *Recent) Close() error {
	r.flights.close()
	return nil
}

// Newest returns up to limit logs (at most RecentKept), newest first, or as many
// as have RecentBytes. A cache that fails, or is slow, only costs time; an error
// is the store's.
func (r *Recent) Newest(ctx context.Context, limit int) (RecentAnswer, error) {
	near := &r.copies[0]
	if limit > near.size {
		near = &r.copies[1]
	}
	came := time.Now()
	if logs := near.logs.Load(); logs != nil && r.feed.Covers(logs.snapshot) {
		if came.Sub(logs.looked) > nearLife {
			// It is right, whatever is in the cache: nobody waits.
			r.flights.begin(ctx, near.name+":check", func(ctx context.Context) (looked, error) { return r.check(ctx, near) })
		}
		return logs.first(limit, FromCache), nil
	}
	for {
		got, err := r.flights.do(ctx, near.name, func(ctx context.Context) (looked, error) { return r.look(ctx, near) })
		switch {
		case err != nil:
			return RecentAnswer{}, err
		case got.logs == nil:
			// Each asks by itself, for no more than it wants.
			ctx, cancel := context.WithTimeout(ctx, recentTimeout)
			defer cancel()
			logs, err := readNewest(ctx, r.reader, limit)
			if err != nil {
				return RecentAnswer{}, err
			}
			logs.tag = digest(logs.array)
			return logs.first(limit, Bypassed), nil
		case !got.began.Before(came) || r.feed.Covers(got.logs.snapshot):
			return got.logs.first(limit, got.source), nil
		}
		// It began before this request came, and was overtaken: the next did not.
	}
}

// look reads the newest logs from the cache or, when that is behind, from the
// store, for all who want them now. It reads no more than they want, and
// leaves it to the projection to bring the cache up to date.
func (r *Recent) look(ctx context.Context, near *nearCopy) (looked, error) {
	out := looked{source: FromCache, began: time.Now()}
	if old := near.logs.Load(); old == nil || out.began.Sub(old.looked) > 2*nearLife {
		cached, err := r.cache.Load(ctx, near.size)
		switch {
		case err == nil && r.feed.Covers(cached.Snapshot):
			out.logs = r.keep(ctx, near, newNearLogs(cached), out.began)
			return out, nil
		case err != nil && KindOf(err) != KindNotFound:
			near.logs.Store(nil)
			return out, nil
		}
	}
	// Or what was right a moment ago is behind: so is the cache, which the
	// projection does not bring up to date at once.
	out.source = FromStore
	logs, err := readNewest(ctx, r.reader, near.size)
	if err != nil {
		return out, err
	}
	out.logs = r.keep(ctx, near, logs, out.began)
	return out, nil
}

// check looks whether the cache has what a copy has. A cache that is still behind
// has no projection that works: the store is read in its place.
func (r *Recent) check(ctx context.Context, near *nearCopy) (looked, error) {
	out := looked{source: FromCache, began: time.Now()}
	copied := near.logs.Load()
	cached, err := r.cache.Load(ctx, 0) // their snapshot is enough: what both cover is the same
	switch {
	case err == nil && r.feed.Covers(cached.Snapshot):
		if copied != nil {
			near.logs.CompareAndSwap(copied, copied.lookedForAgain(out.began)) // or there is a later one
		}
		r.packSoon(ctx, near)
		return out, nil
	case err != nil && KindOf(err) != KindNotFound:
		near.logs.Store(nil)
		return out, nil
	}
	logs, err := readNewest(ctx, r.reader, RecentKept)
	if err != nil {
		return out, err
	}
	kept := logs.kept()
	_ = r.cache.Save(ctx, kept) // best effort: the next check comes here again
	kept.Logs = kept.Logs[:min(near.size, len(kept.Logs))]
	r.keep(ctx, near, newNearLogs(kept), out.began)
	return out, nil
}

// keep makes logs, which were looked for at a time, the copy that is given from
// now on, unless there is one that was looked for later. Those that are the same
// as before are not compressed again, and nobody waits until others are.
func (r *Recent) keep(ctx context.Context, near *nearCopy, logs *nearLogs, at time.Time) *nearLogs {
	logs.looked = at
	for stored := false; !stored; {
		old := near.logs.Load()
		if old != nil && bytes.Equal(old.array, logs.array) {
			logs.array, logs.tag = old.array, old.tag
			logs.packed.Store(old.packed.Load())
		} else {
			logs.tag = digest(logs.array)
			logs.packed.Store(nil)
		}
		if old != nil && old.looked.After(at) {
			return logs
		}
		stored = near.logs.CompareAndSwap(old, logs)
	}
	r.packSoon(ctx, near)
	return logs
}

// packSoon has the copy that is given compressed, if it is not. One that comes just
// as another has been waits for the next check.
func (r *Recent) packSoon(ctx context.Context, near *nearCopy) {
	unpacked := func() *nearLogs {
		if logs := near.logs.Load(); logs != nil && logs.packed.Load() == nil {
			return logs
		}
		return nil
	}
	if unpacked() == nil {
		return
	}
	r.flights.begin(ctx, near.name+":pack", func(context.Context) (looked, error) {
		for logs := unpacked(); logs != nil; logs = unpacked() {
			packed := r.pack(logs.array)
			logs.packed.Store(&packed)
		}
		return looked{}, nil
	})
}

// RecentProjection keeps the cache behind a Recent up to date.
type RecentProjection struct {
	reader LogReader
	cache  RecentCache
}

// NewRecentProjection returns a projection from the store to the cache.
func NewRecentProjection(reader LogReader, cache RecentCache) *RecentProjection {
	return &RecentProjection{reader: reader, cache: cache}
}

// Refresh reads the newest logs from the store, puts them into the cache, and
// returns the snapshot they were read in. Running it twice does no harm.
func (p *RecentProjection) Refresh(ctx context.Context) (Snapshot, error) {
	newest, err := readNewest(ctx, p.reader, RecentKept)
	if err != nil {
		return "", err
	}
	return newest.snapshot, p.cache.Save(ctx, newest.kept())
}
