package app

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// Tail is one reader's view of the logs as they come. Next and Place are for
// one goroutine.
//
// The hub's reader offers it logs and never waits: when the buffer is full it
// counts what it leaves out, and takes up again when half of the buffer is free.
// While it catches up, a reader of its own waits for room instead: a tail that
// resumes misses nothing that is kept.
type Tail struct {
	hub     *TailHub
	matches func(*Log) bool
	chased  sync.WaitGroup
	stop    context.CancelFunc // of the chase
	skip    tailSkip           // what was seen of the first record; the offerer's

	// head is behind the last record that was offered. The offerer's: the
	// chase's, and once the tail is live the hub's.
	head Positions

	mu      sync.Mutex
	queue   []tailEntry
	bytes   int
	missed  int64 // left out since the last entry
	full    bool  // logs are left out until there is room again
	ended   error
	changed chan struct{} // has a token when there may be something new
	room    chan struct{} // has a token when something was taken

	place tailCursor // behind the last event that was taken; Next's
}

type tailEntry struct {
	log       *Log
	missed    int64 // with a nil log
	gone      int64
	partition int32
	offset    int64
	seen      int // logs of the record up to this one
}

// tailSkip is the record of which a resumed tail has seen a part.
type tailSkip struct {
	partition int32
	offset    int64
	seen      int
}

func newTail(h *TailHub, matches func(*Log) bool) *Tail {
	return &Tail{hub: h, matches: matches, stop: func() {}, changed: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// begin sets the place from which on logs are wanted.
func (t *Tail) begin(from TailPlace) {
	t.head = maps.Clone(from.Positions)
	t.place = tailCursor{positions: maps.Clone(from.Positions)}
	if from.Seen > 0 {
		t.skip = tailSkip{from.Partition, from.Positions[from.Partition], from.Seen}
		t.place.partition, t.place.seen = from.Partition, from.Seen
	}
}

// wants tells whether a record is behind what was offered.
func (t *Tail) wants(r TailRecord) bool { return r.Offset >= t.head[r.Partition] }

// passed notes that all of a record was offered.
func (t *Tail) passed(r TailRecord) { t.head[r.Partition] = r.Offset + 1 }

// offer adds a log, or counts it as missed when there is no room.
func (t *Tail) offer(log *Log, r TailRecord, place int) {
	if t.saw(r, place) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.full && len(t.queue) <= t.hub.cfg.Buffer/2 && t.bytes <= t.hub.cfg.Bytes/2 {
		t.full = false
	}
	if t.full || !t.hasRoom() {
		t.full = true
		t.missed++
		t.hub.cfg.Observer.Missed(1)
		t.wake()
		return
	}
	t.add(tailEntry{log: log, partition: r.Partition, offset: r.Offset, seen: place + 1})
}

func (t *Tail) saw(r TailRecord, place int) bool {
	return r.Partition == t.skip.partition && r.Offset == t.skip.offset && place < t.skip.seen
}

func (t *Tail) hasRoom() bool {
	return len(t.queue) < t.hub.cfg.Buffer && t.bytes < t.hub.cfg.Bytes
}

// add appends an entry, and before it what was missed. It is called with the
// lock held.
func (t *Tail) add(e tailEntry) {
	if t.missed > 0 {
		t.queue = append(t.queue, tailEntry{missed: t.missed, partition: -1})
		t.missed = 0
	}
	t.queue = append(t.queue, e)
	t.bytes += sizeOf(e.log)
	t.wake()
}

func (t *Tail) wake() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// end makes Next return err, whatever it has not returned yet.
func (t *Tail) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = err
	}
	t.wake()
}

// Next waits until there is something to tell, and returns up to limit events.
// Its error is ctx's, or why the tail has ended. Logs must not be changed: other
// tails have them too.
func (t *Tail) Next(ctx context.Context, limit int) ([]TailEvent, error) {
	for {
		events, err := t.take(limit)
		if len(events) > 0 || err != nil {
			return events, err
		}
		select {
		case <-t.changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *Tail) take(limit int) ([]TailEvent, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil { // what is left is for the next time, from the last place
		return nil, t.ended
	}
	if len(t.queue) == 0 && t.missed > 0 {
		t.queue = append(t.queue, tailEntry{missed: t.missed, partition: -1})
		t.missed = 0
	}
	n := min(limit, len(t.queue))
	events := make([]TailEvent, n)
	logs := 0
	for i, e := range t.queue[:n] {
		t.bytes -= sizeOf(e.log)
		t.place.pass(e)
		if e.log != nil {
			logs++
		}
		events[i] = TailEvent{Log: e.log, Missed: e.missed, Gone: e.gone, Place: t.place.String()}
	}
	clear(t.queue[:n])
	t.queue = t.queue[n:]
	if n > 0 {
		t.hub.cfg.Observer.Told(logs)
		select {
		case t.room <- struct{}{}:
		default:
		}
	}
	return events, nil
}

// Place returns the place behind all that Next has returned: when there was
// nothing to tell lately, behind what did not match too.
func (t *Tail) Place() string {
	t.hub.mu.Lock() // a live tail's head is the hub's
	defer t.hub.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hub.tails[t] && len(t.queue) == 0 && t.missed == 0 {
		t.place = tailCursor{positions: maps.Clone(t.head)}
	}
	return t.place.String()
}

// Close ends the tail and waits for what works for it.
func (t *Tail) Close() {
	t.end(ErrTailsClosed)
	t.stop()
	t.chased.Wait()
	t.hub.leave(t)
}

// chase reads from the tail's place until it has what the hub's reader has.
func (t *Tail) chase() {
	ctx, cancel := context.WithCancel(context.Background())
	t.stop = cancel
	t.chased.Go(func() {
		defer cancel()
		for ctx.Err() == nil && !t.hub.join(t) {
			err := t.hub.source.Read(ctx, maps.Clone(t.head), func(r TailRecord) error { return t.follow(ctx, r) })
			if errors.Is(err, errJoined) {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(tailPause):
			}
		}
	})
}

// errJoined ends the reading of a tail that has caught up.
var errJoined = errors.New("the tail has caught up")

// follow adds a record's logs, waiting for room.
func (t *Tail) follow(ctx context.Context, r TailRecord) error {
	if r.Gone > 0 {
		t.hub.cfg.Observer.Gone(r.Gone)
		if err := t.await(ctx, tailEntry{gone: r.Gone, partition: r.Partition, offset: r.Offset}); err != nil {
			return err
		}
	}
	var err error
	walkRecord(t.hub.codec, r, func(log *Log, place int) {
		if err == nil && !t.saw(r, place) && t.matches(log) {
			err = t.await(ctx, tailEntry{log: log.Clone(), partition: r.Partition, offset: r.Offset, seen: place + 1})
		}
	})
	if err != nil {
		return err
	}
	t.passed(r)
	if t.hub.join(t) {
		return errJoined
	}
	return nil
}

// await adds an entry once there is room.
func (t *Tail) await(ctx context.Context, e tailEntry) error {
	for {
		t.mu.Lock()
		if t.hasRoom() {
			t.add(e)
			t.mu.Unlock()
			return nil
		}
		t.mu.Unlock()
		select {
		case <-t.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tailCursor makes a TailPlace of the entries that pass.
type tailCursor struct {
	positions Positions
	partition int32
	seen      int // of the record at the partition's position; 0: none of it
}

// pass moves behind an entry. Entries of one record are together: one of another
// says that the record before is done with.
func (c *tailCursor) pass(e tailEntry) {
	if e.partition < 0 {
		return // what was missed is skipped by the next log's place, or by Place
	}
	if c.seen > 0 && (c.partition != e.partition || c.positions[c.partition] != e.offset) {
		c.positions[c.partition]++
		c.seen = 0
	}
	c.positions[e.partition] = e.offset
	c.partition, c.seen = e.partition, e.seen
}

func (c *tailCursor) String() string {
	return TailPlace{Positions: c.positions, Partition: c.partition, Seen: c.seen}.String()
}

// sizeOf is about how many bytes a log takes in memory.
func sizeOf(log *Log) int {
	if log == nil {
		return 0
	}
	const fields = 256
	return fields + len(log.Service) + len(log.Host) + len(log.Message) + len(log.Attributes)
}
