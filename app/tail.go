package app

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// TailRecord is one record of the topic logs: a batch.
type TailRecord struct {
	Partition int32
	Offset    int64
	Payload   []byte
	Metadata  map[string]string // as ReadBatchHead reads it
	Time      time.Time         // the record's own
	// Gone is how many records before this one were asked for and are not kept
	// any more.
	Gone int64
}

// RecordSource reads the topic logs as it is written, without being counted as
// one who consumes it. Safe for concurrent use.
type RecordSource interface {
	// Ends returns the positions behind the last record of every partition. An
	// unreachable source is an Error of KindUnavailable.
	Ends(ctx context.Context) (Positions, error)
	// Read hands out the records from the positions on, those of one partition
	// in order, one at a time, and goes on with those that come. A partition
	// that has no position is read from its beginning, also one that is made
	// later; one whose position is not kept any more from where it is kept. It
	// ends with ctx, with the first error of deliver, or when it cannot go on;
	// what deliver took then was all up to there.
	Read(ctx context.Context, from Positions, deliver func(TailRecord) error) error
}

// LogDecoder reads a batch's payload; see BatchCodec.
type LogDecoder interface {
	Count(payload []byte) (int, error)
	Logs(payload []byte, received time.Time) LogSeq
}

// TailEvent is what a tail tells: a log, or what it does not tell.
type TailEvent struct {
	Log    *Log   // nil with Missed or Gone. It has a LiveID and no ID: it is not stored yet
	Place  string // TailPlace behind this event
	Missed int64  // logs that matched and that the reader was too slow for
	Gone   int64  // batches that a resumed tail asked for and Kafka keeps no more
}

const (
	// openTimeout bounds the wait for a tail to begin.
	openTimeout = 5 * time.Second
	// tailPause is the wait before a source that failed is asked again.
	tailPause = time.Second
)

// ErrTailsClosed is what tails end with when the hub closes.
var ErrTailsClosed = &Error{Kind: KindUnavailable, Message: "the server stops: come back with the last id", RetryAfter: time.Second}

// TailHub lets many follow the logs as they come, with one reader of the topic
// for all, which runs while someone follows; each batch is decoded once. A tail
// that resumes further back has a reader of its own until it has caught up. Safe
// for concurrent use.
type TailHub struct {
	source RecordSource
	codec  LogDecoder
	cfg    TailConfig

	opening chan struct{} // has a token while a tail is added, which may start the reader

	mu     sync.Mutex
	tails  map[*Tail]bool // true: it is live, and hears from the reader
	at     Positions      // behind what the reader has delivered
	reader *tailReader    // nil while it does not run
	closed bool
}

// tailReader is one run of the hub's reader.
type tailReader struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// NewTailHub returns a hub over a source.
func NewTailHub(source RecordSource, codec LogDecoder, cfg TailConfig) *TailHub {
	cfg.setDefaults()
	return &TailHub{source: source, codec: codec, cfg: cfg, opening: make(chan struct{}, 1), tails: map[*Tail]bool{}}
}

// Open begins a tail of the logs that matches wants, from now on or, with a
// place, from there. It must be closed. matches is called from several
// goroutines, not at once, with logs that it must not keep.
func (h *TailHub) Open(ctx context.Context, matches func(*Log) bool, from TailPlace) (*Tail, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	select {
	case h.opening <- struct{}{}:
		defer func() { <-h.opening }()
	case <-ctx.Done():
		return nil, Errorf(KindUnavailable, "the tail could not begin within %s: Kafka is slow to answer", openTimeout)
	}
	for {
		ends, err := h.admit(ctx, from)
		if err != nil {
			return nil, err
		}
		if t, err := h.add(matches, from, ends); !errors.Is(err, errNoReader) {
			return t, err
		}
	}
}

// errNoReader is why a tail cannot be added when the last tail has left since it
// was admitted, and the reader with it.
var errNoReader = errors.New("the reader has ended")

// Stored returns the place from which on logs come that are not stored yet: what
// a tail begins at that is to go on from what store has.
func (h *TailHub) Stored(ctx context.Context, store StoredPlaces) (TailPlace, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	ends, err := h.source.Ends(ctx)
	if err != nil {
		return TailPlace{}, err
	}
	positions, err := store.StoredUpTo(ctx, ends)
	return TailPlace{Positions: positions}, err
}

// admit makes room for one more tail, and returns the ends of the topic. They are
// nil when nobody needs them: a tail that begins now begins where the reader is.
func (h *TailHub) admit(ctx context.Context, from TailPlace) (Positions, error) {
	h.mu.Lock()
	running, closed, count := h.reader != nil, h.closed, len(h.tails)
	h.mu.Unlock()
	switch {
	case closed:
		return nil, ErrTailsClosed
	case count >= h.cfg.MaxTails:
		h.cfg.Observer.Refused()
		return nil, &Error{Kind: KindTooMany, RetryAfter: 5 * time.Second, Message: "too many tails at once (setting gateway-max-tails): close one, or come back later"}
	case running && from.Positions == nil:
		return nil, nil
	}
	return h.source.Ends(ctx)
}

// add adds a tail, and has the reader run: from the ends of the topic on, or it is
// errNoReader.
func (h *TailHub) add(matches func(*Log) bool, from TailPlace, ends Positions) (*Tail, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, ErrTailsClosed
	case h.reader == nil && ends == nil:
		return nil, errNoReader
	case h.reader == nil:
		h.at = maps.Clone(ends)
		reading, stop := context.WithCancel(context.Background())
		h.reader = &tailReader{cancel: stop, done: make(chan struct{})}
		go h.read(reading, h.reader)
	}
	t := newTail(h, matches)
	if from.Positions == nil {
		t.begin(TailPlace{Positions: h.at})
		h.tails[t] = true
		return t, nil
	}
	t.begin(from.upTo(ends))
	h.tails[t] = false
	t.chase()
	return t, nil
}

// read hands the records to the tails until ctx ends. A source that fails is
// asked again from where it was: the tails notice nothing but the silence.
func (h *TailHub) read(ctx context.Context, run *tailReader) {
	defer close(run.done)
	for ctx.Err() == nil {
		h.mu.Lock()
		from := maps.Clone(h.at)
		h.mu.Unlock()
		_ = h.source.Read(ctx, from, func(r TailRecord) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.reader != run {
				return context.Canceled
			}
			h.deliver(r)
			return nil
		})
		select {
		case <-ctx.Done():
		case <-time.After(tailPause):
		}
	}
}

// deliver offers a record to all live tails. It is called with the lock held.
func (h *TailHub) deliver(r TailRecord) {
	h.at[r.Partition] = r.Offset + 1
	var live []*Tail
	for t, is := range h.tails {
		if is && t.wants(r) {
			live = append(live, t)
		}
	}
	walkRecord(h.codec, r, func(log *Log, place int) {
		var kept *Log
		for _, t := range live {
			if !t.matches(log) {
				continue
			}
			if kept == nil {
				kept = log.Clone()
			}
			t.offer(kept, r, place)
		}
	})
	for _, t := range live {
		t.passed(r)
	}
}

// walkRecord calls visit with each log of a record and its place in it. What is
// no batch has none: the consumer sets it aside.
func walkRecord(codec LogDecoder, r TailRecord, visit func(log *Log, place int)) {
	count, err := codec.Count(r.Payload)
	if err != nil {
		return
	}
	head, err := ReadBatchHead(r.Metadata, count)
	if err != nil {
		return
	}
	place, id := 0, head.ID()
	for log, err := range codec.Logs(r.Payload, r.Time) {
		if err != nil {
			return
		}
		log.BatchID, log.Place = id, place+1
		visit(log, place)
		place++
	}
}

// join makes a tail live that has all that the reader has delivered. It tells
// whether it did.
func (h *TailHub) join(t *Tail) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, open := h.tails[t]; !open || h.reader == nil {
		return false
	}
	for partition, offset := range h.at {
		if t.head[partition] < offset {
			return false
		}
	}
	h.tails[t] = true
	return true
}

// leave takes a tail out, and stops the reader when it was the last.
func (h *TailHub) leave(t *Tail) {
	h.mu.Lock()
	delete(h.tails, t)
	var stopped *tailReader
	if len(h.tails) == 0 {
		stopped, h.reader = h.reader, nil
	}
	h.mu.Unlock()
	if stopped != nil {
		stopped.cancel()
		<-stopped.done
	}
}

// Close ends all tails with ErrTailsClosed, and opens no more. It waits for
// tails that are being opened, and not for the others to be closed.
func (h *TailHub) Close() error {
	h.mu.Lock()
	h.closed = true
	for t := range h.tails {
		t.end(ErrTailsClosed)
	}
	h.mu.Unlock()
	h.opening <- struct{}{} // whoever holds it may have started the reader
	h.leave(nil)
	<-h.opening
	return nil
}

// Tails tells how many there are.
func (h *TailHub) Tails() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.tails)
}
