package batching

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Publisher is a message.Publisher that hands batches to another one.
type Publisher struct {
	next message.Publisher
	cfg  Config

	closing  context.Context // ends when Close is called, with the lock held
	stop     context.CancelFunc
	flushing context.Context // ends at the deadline of Close
	giveUp   context.CancelFunc
	queues   sync.WaitGroup // the goroutines of all queues

	mu     sync.Mutex
	topics map[string]*queue
	units  int // in memory
	bytes  int // in memory

	takenUnits, takenBytes int64 // read from journals since New

	waiting []*waiter      // calls of Publish with Block, first come first
	left    map[string]int // by topic, units that Close could not flush

	closeOnce sync.Once
	closeErr  error
}

// New returns a Publisher that hands batches to next, which it owns from then
// on: Close closes it.
func New(next message.Publisher, cfg Config) (*Publisher, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &Publisher{next: next, cfg: cfg, topics: map[string]*queue{}, left: map[string]int{}}
	p.closing, p.stop = context.WithCancel(context.Background())
	p.flushing, p.giveUp = context.WithCancel(context.Background())
	if cfg.Acknowledge == Journaled {
		for _, topic := range cfg.JournaledTopics {
			if _, err := p.journaled(topic); err != nil {
				return nil, errors.Join(err, p.Close())
			}
		}
	}
	return p, nil
}

// String names the publisher in Watermill's metrics.
func (p *Publisher) String() string { return "batching.Publisher" }

// Stats returns what is taken and not flushed now.
func (p *Publisher) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.Acknowledge != Journaled {
		return Stats{Units: p.units, Bytes: p.bytes, Remaining: max(0, p.cfg.BufferLimit-p.units)}
	}
	s := Stats{Remaining: math.MaxInt}
	for _, q := range p.topics {
		if q.journal == nil {
			continue
		}
		units, bytes, limit := q.journal.Backlog()
		s.Units += int(units)
		s.Bytes += int(bytes)
		s.Remaining = min(s.Remaining, int(max(0, limit-bytes)/max(1, p.unitBytes())))
	}
	return s
}

// unitBytes returns the mean size of a unit so far, with the lock held.
func (p *Publisher) unitBytes() int64 {
	if p.takenUnits == 0 {
		return 1000
	}
	return p.takenBytes / p.takenUnits
}

// Publish takes all the messages or none. With Flushed it returns when the next
// publisher took every unit of them, or with the error for which one of them
// was given up; a caller whose message's context ends stops waiting, though
// what was taken will be flushed all the same. With Buffered it returns at
// once; with Journaled, when each message is on disk, and an error after the
// first says how many are. It returns ErrFull, ErrTooLarge or ErrClosed when it
// took nothing.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	parts := slices.Grow(make([]part, 0, 4), len(messages)) // a few stay on the stack
	units, bytes := 0, 0
	for _, msg := range messages {
		n, err := p.cfg.Count(msg)
		if err == nil && n < 0 {
			err = fmt.Errorf("%d units", n)
		}
		if err != nil {
			return fmt.Errorf("batching: counting message %s: %w", msg.UUID, err)
		}
		if n == 0 {
			continue
		}
		kept := msg
		if p.cfg.Acknowledge != Journaled { // which keeps bytes
			kept = keep(msg)
		}
		parts = append(parts, part{msg: kept, units: n})
		units += n
		bytes += len(msg.Payload)
	}
	if len(parts) == 0 {
		return nil
	}
	ctx := messages[0].Context()
	if p.cfg.Acknowledge == Journaled {
		return p.publishJournaled(ctx, topic, parts, units, bytes)
	}
	call, err := p.take(ctx, topic, parts, units, bytes)
	if err != nil || call == nil {
		return err
	}
	select {
	case <-call.done:
		return call.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep returns a copy of a message as it is kept until its batch is taken. It
// is never acked, and so needs none of the channels that Message.Copy makes. The
// original's context ends when it is acked, before it is flushed.
func keep(msg *message.Message) *message.Message {
	kept := &message.Message{UUID: msg.UUID, Metadata: maps.Clone(msg.Metadata), Payload: msg.Payload}
	ctx := msg.Context()
	if ctx.Done() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	kept.SetContext(ctx)
	return kept
}

// take admits the parts of one call, waiting for room if it must. The call it
// returns is nil when nobody need wait for the flush.
func (p *Publisher) take(ctx context.Context, topic string, parts []part, units, bytes int) (*call, error) {
	if units > p.cfg.BufferLimit || bytes > p.cfg.BufferBytes {
		return nil, p.tooLarge(units, bytes)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Err() != nil {
		return nil, ErrClosed
	}
	if !p.fits(units, bytes) || len(p.waiting) > 0 {
		switch p.cfg.WhenFull {
		case Reject:
			p.cfg.Observer.Rejected(topic, units)
			return nil, ErrFull
		case Drop:
			p.cfg.Observer.Dropped(topic, units)
			return nil, nil
		}
		if err := p.awaitRoom(ctx, &waiter{units: units, bytes: bytes}); err != nil {
			return nil, err
		}
	} else {
		p.units += units
		p.bytes += bytes
	}
	var c *call
	if p.cfg.Acknowledge == Flushed {
		c = &call{open: units, done: make(chan struct{})}
	}
	now := time.Now()
	for i := range parts {
		parts[i].taken, parts[i].call = now, c
	}
	p.cfg.Observer.Taken(topic, units)
	q := p.queue(topic)
	q.number(parts)
	q.add(parts, units, bytes)
	return c, nil
}

// Close takes no more messages, flushes what is buffered, waits for that at
// most CloseTimeout, closes the next publisher, and returns an error that
// names what was not flushed. Called again, it waits for the first call and
// returns the same.
func (p *Publisher) Close() error {
	p.closeOnce.Do(func() { p.closeErr = p.close() })
	return p.closeErr
}

func (p *Publisher) close() error {
	p.mu.Lock()
	p.stop()
	if p.cfg.Acknowledge != Journaled { // else those who wait are ours
		for _, w := range p.waiting {
			close(w.ready)
		}
	}
	for _, q := range p.topics {
		if q.journal != nil {
			q.journal.Stop()
		}
		q.signal()
	}
	p.mu.Unlock()

	deadline := time.AfterFunc(p.cfg.CloseTimeout, p.giveUp)
	p.queues.Wait()
	deadline.Stop()
	p.giveUp()

	var left error
	for topic, q := range p.topics { // nobody adds to it any more
		if q.journal == nil {
			continue
		}
		delete(p.left, topic) // it is in the journal
		if err := q.journal.Close(); err != nil {
			left = errors.Join(left, fmt.Errorf("batching: closing the journal of %s: %w", topic, err))
		}
	}
	if len(p.left) > 0 { // the queues are done: nobody writes to it any more
		left = errors.Join(left, fmt.Errorf("%w: units by topic %v", ErrNotFlushed, p.left))
	}
	if err := p.next.Close(); err != nil {
		return errors.Join(left, fmt.Errorf("batching: closing the next publisher: %w", err))
	}
	return left
}
