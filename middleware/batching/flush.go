package batching

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// errNoTime is why a batch was not even tried.
var errNoTime = errors.New("its turn did not come")

// flush brings batches to their end: the next publisher took them, or every
// unit that could not be sent was set aside, or Close ran out of time. Several
// are tried together, and fewer at a time when one of them is at fault.
func (p *Publisher) flush(batches ...Batch) {
	began := time.Now()
	for attempt := 1; ; attempt++ {
		if p.flushing.Err() != nil || p.stuck(batches[0].Topic) {
			// Of a topic in which an earlier batch stays behind, nothing may go.
			p.abandon(batches, errNoTime)
			return
		}
		err := p.send(batches)
		if err == nil {
			p.queueOf(batches[0].Topic).together.taken(len(batches))
			for _, batch := range batches {
				p.cfg.Observer.Flushed(batch, time.Since(began))
				p.settle(batch, nil)
			}
			return
		}
		for _, batch := range batches {
			p.cfg.Observer.FlushFailed(batch, attempt, err)
		}
		if p.cfg.IsTooLarge(err) || p.cfg.IsPermanent(err) || errors.Is(err, errPack) {
			p.flushSmaller(batches, err)
			return
		}
		level := slog.LevelWarn
		if attempt == 1 {
			level = slog.LevelDebug // if the next one helps, it is no news
		}
		p.cfg.Logger.Log(p.flushing, level, "a batch was not taken; it will be tried again", "topic", batches[0].Topic,
			"first", batches[0].First, "count", batches[0].Count, "together", len(batches), "attempt", attempt, "error", err)
		if !p.pause(attempt) {
			p.abandon(batches, err)
			return
		}
	}
}

// flushSmaller deals with batches that will never be taken as they are. It cuts
// at the same places each time, and a journal keeps the pieces before they are
// sent: after a crash they are sent as such, whatever the limit is by then.
func (p *Publisher) flushSmaller(batches []Batch, reason error) {
	if n := len(batches); n > 1 {
		together := &p.queueOf(batches[0].Topic).together
		if p.cfg.IsTooLarge(reason) { // it may be all of them together that are
			together.refused(n)
		}
		for half := (n + 1) / 2; len(batches) > 0; batches = batches[n:] {
			n = min(half, together.size, len(batches)) // size may shrink meanwhile
			p.flush(batches[:n]...)
		}
		return
	}
	left, right, ok := p.halve(batches[0])
	if !ok {
		p.poison(batches[0], reason)
		return
	}
	if !p.queueOf(batches[0].Topic).keep([]Batch{left, right}) {
		return
	}
	p.flush(left)
	p.flush(right)
}

// halve cuts a batch in two of about as many units. A batch of one unit, or of
// one message that cannot be cut, has no halves.
func (p *Publisher) halve(batch Batch) (left, right Batch, ok bool) {
	half := batch.Count / 2
	if half == 0 {
		return batch, batch, false
	}
	var before []part
	after := batch.parts
	for units := 0; len(after) > 0 && units < half; {
		next := after[0]
		if units+next.units <= half {
			before, after = append(before, next), after[1:]
			units += next.units
			continue
		}
		head, tail, cut := p.cut(next, half-units, batch.Bytes)
		if cut {
			p.mu.Lock()
			p.bytes += head.bytes() + tail.bytes() - next.bytes()
			p.mu.Unlock()
			before, after = append(before, head), append([]part{tail}, after[1:]...)
		} else if len(before) == 0 {
			before, after = append(before, next), after[1:]
		}
		break
	}
	if len(before) == 0 || len(after) == 0 {
		return batch, batch, false
	}
	left = newBatch(batch.Topic, BySplit, batch.SealedAt, before)
	right = newBatch(batch.Topic, BySplit, batch.SealedAt, after)
	return left, right, true
}

// cut cuts a part so that the head is within both limits. ok is false when the
// part cannot be cut so; tail is empty when nothing is left.
func (p *Publisher) cut(whole part, maxUnits, maxBytes int) (head, tail part, ok bool) {
	if p.cfg.Split == nil || whole.units == 1 || maxUnits <= 0 || maxBytes <= 0 {
		return part{}, part{}, false
	}
	first, rest, units, err := p.split(whole.msg, maxUnits, maxBytes)
	if err != nil || units <= 0 || units > maxUnits || units > whole.units || (rest == nil) != (units == whole.units) ||
		first == nil || len(first.Payload) > maxBytes {
		if err != nil {
			p.cfg.Logger.Warn("a message could not be cut", "message", whole.msg.UUID, "error", err)
		}
		return part{}, part{}, false
	}
	head, tail = whole, whole
	head.msg, head.units = first, units
	tail.msg, tail.units, tail.first = rest, whole.units-units, whole.first+uint64(units)
	return head, tail, true
}

func (p *Publisher) split(msg *message.Message, maxUnits, maxBytes int) (head, tail *message.Message, units int, err error) {
	defer recovered(&err)
	return p.cfg.Split(msg, maxUnits, maxBytes)
}

// errPack marks a batch that could not be packed.
var errPack = errors.New("batching: packing a batch")

// send makes one try to hand batches of one topic on.
func (p *Publisher) send(batches []Batch) (err error) {
	defer recovered(&err)
	topic := batches[0].Topic
	if p.cfg.Pack == nil { // then there is one
		return p.next.Publish(topic, copies(batches[0].Messages)...)
	}
	packed := make([]*message.Message, len(batches))
	for i, batch := range batches {
		if packed[i], err = p.pack(batch); err != nil {
			return err
		}
	}
	return p.next.Publish(topic, packed...)
}

// pack makes the message of a batch. A panic is an error like another: it is
// the batch's, and another try would end alike.
func (p *Publisher) pack(batch Batch) (packed *message.Message, err error) {
	defer func() {
		if err == nil && packed == nil {
			err = errors.New("no message")
		}
		if err != nil {
			err = fmt.Errorf("%w: %w", errPack, err)
		}
	}()
	defer recovered(&err)
	return p.cfg.Pack(batch)
}

// copies returns fresh messages, since a publisher may keep, ack or change
// those it gets, and a batch may be sent again.
func copies(messages []*message.Message) []*message.Message {
	out := make([]*message.Message, len(messages))
	for i, msg := range messages {
		out[i] = msg.Copy()
		out[i].SetContext(msg.Context())
	}
	return out
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("batching: panic: %v", v)
	}
}

// pause waits before the try after the given one. It returns false when there is
// to be none: Close ran out of time, or was called while a journal keeps what
// is not flushed.
func (p *Publisher) pause(attempt int) bool {
	end := p.flushing
	if p.cfg.Acknowledge == Journaled {
		end = p.closing
	}
	wait := p.cfg.RetryMax
	if shift := attempt - 1; p.cfg.RetryMin < wait>>shift { // doubling RetryMin could overflow
		wait = p.cfg.RetryMin << shift
	}
	timer := time.NewTimer(wait/2 + rand.N(wait/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return end.Err() == nil
	case <-end.Done():
		return false
	}
}

// abandon ends batches that Close has no more time for.
func (p *Publisher) abandon(batches []Batch, reason error) {
	for _, batch := range batches {
		p.mu.Lock()
		p.left[batch.Topic] += batch.Count
		p.mu.Unlock()
		p.release(batch.parts, fmt.Errorf("%w: %w", ErrNotFlushed, reason))
	}
}

// stuck tells whether an earlier batch of a topic was abandoned.
func (p *Publisher) stuck(topic string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left[topic] > 0
}

// settle ends a batch, for good or with the error for which it was given up.
func (p *Publisher) settle(batch Batch, err error) {
	if journal := p.queueOf(batch.Topic).journal; journal != nil {
		journal.Ack(batch.Sequence, batch.First+uint64(batch.Count)-1)
	}
	p.release(batch.parts, err)
}
