package app

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"
)

// nearLogs are the newest logs as they are sent.
type nearLogs struct {
	snapshot Snapshot
	array    []byte // a JSON array
	ends     []int  // of each of its logs
	tag      string // see digest
	// packed is the array compressed, or empty when it is not worth it; nil: not yet.
	packed atomic.Pointer[[]byte]
	looked time.Time // when the cache was last asked for them, or the store in its place
}

// readNewest reads up to limit logs.
func readNewest(ctx context.Context, reader LogReader, limit int) (*nearLogs, error) {
	logs, snapshot, err := reader.Newest(ctx, limit)
	if err != nil {
		return nil, err
	}
	near := &nearLogs{snapshot: snapshot, array: make([]byte, 1, 2+typicalJSON*len(logs))}
	for i := range logs {
		near.add(func(dst []byte) []byte { return logs[i].AppendJSON(dst) })
	}
	near.finish()
	return near, nil
}

// typicalJSON is the size of most logs as JSON, to begin with.
const typicalJSON = 512

func newNearLogs(kept RecentLogs) *nearLogs {
	size := 2
	for _, log := range kept.Logs {
		size += len(log) + 1
	}
	near := &nearLogs{snapshot: kept.Snapshot, array: make([]byte, 1, size)}
	for _, log := range kept.Logs {
		near.add(func(dst []byte) []byte { return append(dst, log...) })
	}
	near.finish()
	return near
}

// lookedForAgain returns the same logs, which were looked for later.
func (n *nearLogs) lookedForAgain(at time.Time) *nearLogs {
	again := &nearLogs{snapshot: n.snapshot, array: n.array, ends: n.ends, tag: n.tag, looked: at}
	again.packed.Store(n.packed.Load())
	return again
}

// add appends one log.
func (n *nearLogs) add(log func([]byte) []byte) {
	if len(n.ends) > 0 {
		n.array = append(n.array, ',')
	}
	n.array = log(n.array)
	n.ends = append(n.ends, len(n.array))
}

// finish makes it an array.
func (n *nearLogs) finish() {
	n.array[0] = '['
	n.array = append(n.array, ']')
}

// kept returns the logs as the cache keeps them, which are those of the array.
func (n *nearLogs) kept() RecentLogs {
	kept := RecentLogs{Snapshot: n.snapshot, Logs: make([]json.RawMessage, len(n.ends))}
	begin := 1
	for i, end := range n.ends {
		kept.Logs[i] = json.RawMessage(n.array[begin:end:end])
		begin = end + 1
	}
	return kept
}

// first returns the first logs as an answer.
func (n *nearLogs) first(limit int, source RecentSource) RecentAnswer {
	if limit >= len(n.ends) {
		answer := RecentAnswer{Array: n.array, Tag: n.tag, Source: source}
		if packed := n.packed.Load(); packed != nil {
			answer.Packed = *packed
		}
		return answer
	}
	end := n.ends[limit-1]
	array := append(append(make([]byte, 0, end+1), n.array[:end]...), ']')
	return RecentAnswer{Array: array, Tag: digest(array), Source: source}
}
