package app

import (
	"context"
	"encoding/json"
)

// RecentKept is how many of the newest logs the cache keeps.
const RecentKept = MaxLimit

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

// Recent answers with the newest logs from a cache, yet never with less than
// the last stored batch: a cached answer is used only when the feed of stored
// batches says that its snapshot covers them all. Safe for concurrent use.
type Recent struct {
	reader LogReader
	cache  RecentCache
	feed   StoredFeed
}

// NewRecent returns a Recent over its three parts.
func NewRecent(reader LogReader, cache RecentCache, feed StoredFeed) *Recent {
	return &Recent{reader: reader, cache: cache, feed: feed}
}

// Newest returns up to limit logs (at most RecentKept), newest first. A cache
// that fails, or is slow, only costs time; an error is the store's.
func (r *Recent) Newest(ctx context.Context, limit int) ([]json.RawMessage, RecentSource, error) {
	cached, err := r.cache.Load(ctx, limit)
	if err == nil && r.feed.Covers(cached.Snapshot) {
		return cached.Logs, FromCache, nil
	}
	source := FromStore
	if err != nil && KindOf(err) != KindNotFound {
		source = Bypassed
	}
	newest, err := readNewest(ctx, r.reader)
	if err != nil {
		return nil, source, err
	}
	if source == FromStore {
		// Best effort: the next reader comes here again if it fails.
		_ = r.cache.Save(ctx, newest)
	}
	return newest.Logs[:min(limit, len(newest.Logs))], source, nil
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
	newest, err := readNewest(ctx, p.reader)
	if err != nil {
		return "", err
	}
	return newest.Snapshot, p.cache.Save(ctx, newest)
}

func readNewest(ctx context.Context, reader LogReader) (RecentLogs, error) {
	logs, snapshot, err := reader.Newest(ctx, RecentKept)
	if err != nil {
		return RecentLogs{}, err
	}
	out := RecentLogs{Snapshot: snapshot, Logs: make([]json.RawMessage, len(logs))}
	for i := range logs {
		out.Logs[i] = logs[i].AppendJSON(nil)
	}
	return out, nil
}
