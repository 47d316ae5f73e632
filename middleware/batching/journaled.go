package batching

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Journal keeps what was taken of one topic on disk until the next publisher
// took it. middleware/journal has one.
type Journal interface {
	JournalWriter
	JournalReader
	// Backlog returns what is not acknowledged, and what its bytes may come to.
	Backlog() (units, bytes, limit int64)
	Close() error
}

// JournalWriter is the side of a Journal on which messages come. Its methods
// may be called from many goroutines at once.
type JournalWriter interface {
	// Append returns when the record is on disk. It returns ErrFull when there
	// is no room, unless it is to wait for that, and ErrTooLarge when there
	// never can be. Whatever it returns an error for is never read.
	Append(ctx context.Context, r Record, wait bool) error
	// Stop makes Append return ErrClosed, and Next io.EOF behind the last
	// record.
	Stop()
}

// JournalReader is the side of a Journal from which batches go. Next and More
// are called from one goroutine.
type JournalReader interface {
	// Next returns the records in the order of their numbers, beginning behind
	// what is acknowledged, and waits for more.
	Next(ctx context.Context) (Record, error)
	// More tells whether Next would return at once.
	More() bool
	// Seals returns what was sealed in earlier lives and is not acknowledged,
	// oldest first.
	Seals() []Seal
	// Seal returns when the seals are on disk. They take the place of those
	// that have units of theirs.
	Seal(seals ...Seal) error
	// Ack tells that all units up to the one numbered last, and all of earlier
	// sequences, have come to their end.
	Ack(sequence string, last uint64)
}

// Record is a message as a Journal keeps it.
type Record struct {
	Units      int
	Head, Body []byte // UUID and metadata; payload

	// What the Journal adds.
	Sequence string    // whose numbers the units have
	First    uint64    // number of the first unit
	Skip     int       // leading units that are acknowledged
	TakenAt  time.Time // when it came
}

// Seal is the boundaries of a batch.
type Seal struct {
	Sequence string
	First    uint64
	Count    int
	At       time.Time
}

// journal returns the topic's queue with its journal open and being read.
func (p *Publisher) journaled(topic string) (*queue, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Err() != nil {
		return nil, ErrClosed
	}
	q := p.queue(topic)
	if q.journal != nil {
		return q, nil
	}
	journal, err := p.cfg.OpenJournal(topic)
	if err != nil {
		return nil, err
	}
	q.journal, q.more, q.reading, q.sealed = journal, true, true, journal.Seals()
	p.queues.Add(1)
	go q.feed()
	return q, nil
}

// publishJournaled takes messages by writing them to the topic's journal.
func (p *Publisher) publishJournaled(ctx context.Context, topic string, parts []part, units, bytes int) error {
	if units > p.cfg.BufferLimit || bytes > p.cfg.BufferBytes {
		return p.tooLarge(units, bytes)
	}
	q, err := p.journaled(topic)
	if err != nil {
		return err
	}
	for i, part := range parts {
		err := q.journal.Append(ctx, Record{Units: part.units, Head: encodeHead(part.msg), Body: part.msg.Payload}, p.cfg.WhenFull == Block)
		switch {
		case err == nil:
			p.cfg.Observer.Taken(topic, part.units)
		case errors.Is(err, ErrFull) && p.cfg.WhenFull == Drop:
			p.cfg.Observer.Dropped(topic, part.units)
		default:
			if errors.Is(err, ErrFull) {
				p.cfg.Observer.Rejected(topic, part.units)
			}
			if i > 0 {
				return fmt.Errorf("batching: %d of %d messages were taken: %w", i, len(parts), err)
			}
			return err
		}
	}
	return nil
}

// feed brings what the journal has into the queue, as far as there is room.
func (q *queue) feed() {
	p := q.p
	defer p.queues.Done()
	defer q.setMore(false)
	for {
		q.setMore(q.journal.More())
		record, err := q.journal.Next(p.flushing)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
			return
		case err != nil:
			p.cfg.Logger.Error("the journal cannot be read; it will be tried again", "topic", q.topic, "error", err)
			if !p.pause(math.MaxInt32) {
				return
			}
			continue
		}
		if !q.admit(q.partOf(record)) || p.stuck(q.topic) {
			return // what is not in memory is in the journal
		}
	}
}

// partOf makes a part of what is not acknowledged of a record.
func (q *queue) partOf(r Record) part {
	whole := part{msg: decodeHead(r.Head), units: r.Units, taken: r.TakenAt, sequence: r.Sequence, first: r.First}
	whole.msg.Payload = r.Body
	if now := time.Now(); whole.taken.After(now) {
		whole.taken = now // the clock was set back: nothing waits until it is there again
	}
	if r.Skip == 0 {
		return whole
	}
	_, rest, ok := q.p.cut(whole, r.Skip, math.MaxInt)
	if !ok || rest.first != r.First+uint64(r.Skip) {
		// It was cut before the process ended. Now it goes whole, under the
		// numbers of the rest: whoever counts its units will see.
		q.p.cfg.Logger.Error("a message that was cut once can no longer be", "topic", q.topic, "first", r.First, "count", r.Units)
		whole.units, whole.first = r.Units-r.Skip, r.First+uint64(r.Skip)
		return whole
	}
	return rest
}

// admit adds a part when there is room for it, or nothing else is in memory, or
// else a batch that was sealed before would lack it. It returns false when the
// Publisher gave up.
func (q *queue) admit(next part) bool {
	p := q.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.units > 0 && !q.cutShort() && (!p.fits(next.units, next.bytes()) || len(p.waiting) > 0) {
		q.reading = false // nothing comes before something goes
		q.signal()
		if err := p.awaitRoom(p.flushing, &waiter{units: next.units, bytes: next.bytes(), urgent: q.cutShort}); err != nil {
			return false
		}
	} else {
		p.units += next.units
		p.bytes += next.bytes()
	}
	p.takenUnits += int64(next.units)
	p.takenBytes += int64(next.bytes())
	q.add([]part{next}, next.units, next.bytes())
	return true
}

// setMore notes whether the journal has more.
func (q *queue) setMore(more bool) {
	q.p.mu.Lock()
	defer q.p.mu.Unlock()
	if q.more != more || q.reading != more {
		q.more, q.reading = more, more
		q.signal()
	}
}

// keep puts the boundaries of batches on disk before they are first sent. It
// returns false when that failed and there is no more time.
func (q *queue) keep(batches []Batch) bool {
	if q.journal == nil {
		return true
	}
	var seals []Seal
	for _, b := range batches {
		if b.Trigger != ByCrash { // else it is kept
			seals = append(seals, Seal{b.Sequence, b.First, b.Count, b.SealedAt})
		}
	}
	for attempt := 1; len(seals) > 0; attempt++ {
		err := q.journal.Seal(seals...)
		if err == nil {
			break
		}
		q.p.cfg.Logger.Error("a batch could not be sealed; it will be tried again", "topic", q.topic, "first", seals[0].First, "error", err)
		if !q.p.pause(attempt) {
			q.p.abandon(batches, err)
			return false
		}
	}
	return true
}

// encodeHead writes a message's UUID and metadata: each text behind its length.
func encodeHead(msg *message.Message) []byte {
	size := len(msg.UUID) + binary.MaxVarintLen32
	for key, value := range msg.Metadata {
		size += len(key) + len(value) + 2*binary.MaxVarintLen32
	}
	head := make([]byte, 0, size)
	text := func(s string) {
		head = binary.AppendUvarint(head, uint64(len(s)))
		head = append(head, s...)
	}
	text(msg.UUID)
	for key, value := range msg.Metadata {
		text(key)
		text(value)
	}
	return head
}

// decodeHead returns a message with what encodeHead wrote. The journal answers
// for the bytes: what is no head gives a message with less. Like keep's, it is
// never acked.
func decodeHead(head []byte) *message.Message {
	text := func() string {
		length, n := binary.Uvarint(head)
		if n <= 0 || length > uint64(len(head)-n) {
			head = nil
			return ""
		}
		s := string(head[n : n+int(length)])
		head = head[n+int(length):]
		return s
	}
	msg := &message.Message{UUID: text(), Metadata: make(message.Metadata, 4)}
	for len(head) > 0 {
		key := text()
		msg.Metadata[key] = text()
	}
	return msg
}
