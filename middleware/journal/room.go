package journal

import (
	"context"
	"math"
	"time"
)

// Stats is what a journal holds.
type Stats struct {
	Sequence string    // whose numbers are given now
	Accepted uint64    // the last number given in Sequence
	Sealed   uint64    // the last one of it in a seal, or acknowledged
	Acked    uint64    // the last one of it that is acknowledged
	Units    int64     // not acknowledged, over all sequences
	Bytes    int64     // of these, on disk
	Limit    int64     // what Bytes may come to
	Oldest   time.Time // when the oldest record that was read and is not acknowledged was taken; zero when there is none
}

// Stats returns what the journal holds.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{Units: j.units, Bytes: j.bytes, Limit: j.limit}
	if j.current != nil {
		s.Sequence, s.Accepted = j.current.Sequence, j.current.next-1
		if j.acked.generation == j.current.Number {
			s.Acked = j.acked.number
		}
		s.Sealed = s.Acked
		for _, seal := range j.seals {
			if seal.generation == j.current.Number {
				s.Sealed = max(s.Sealed, seal.last().number)
			}
		}
	}
	if len(j.handed) > 0 {
		s.Oldest = j.handed[0].taken
	}
	return s
}

// AwaitRoom returns when a record that ErrFull refused may fit.
func (j *Journal) AwaitRoom(ctx context.Context, r Record) error {
	for {
		j.mu.Lock()
		fits := j.bytes+j.waiting+int64(r.size()) <= j.limit
		room, closed := j.room, j.closed || j.stopped
		j.mu.Unlock()
		if closed {
			return ErrClosed
		}
		if fits {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refreshLimit measures the disk.
func (j *Journal) refreshLimit() {
	free, err := j.cfg.Free(j.cfg.Dir)
	if err != nil {
		j.cfg.Logger.Warn("the journal's disk cannot be measured", "folder", j.cfg.Dir, "error", err)
		free = math.MaxInt64 / 2
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.limit = min(j.cfg.MaxBytes, int64(float64(free+j.bytes)*j.cfg.DiskShare))
	if j.spare {
		j.limit = 0 // what is left is for seals
	}
	close(j.room)
	j.room = make(chan struct{})
}
