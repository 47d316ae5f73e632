package batching

import (
	"crypto/rand"
	"math"
	"time"
)

// queue holds the parts of one topic that are in no batch yet, and flushes
// them, in order, in a goroutine that runs while there are any. Its fields are
// guarded by the Publisher's lock.
type queue struct {
	p     *Publisher
	topic string
	wake  chan struct{} // tells the goroutine to look again; holds one signal

	parts   ring
	units   int
	bytes   int
	running bool

	together together // touched by the queue's goroutine alone

	sequence string // of the numbers given here; a journal gives its own
	next     uint64 // the next of these

	journal Journal // nil without one
	more    bool    // the journal has more than was read
	reading bool    // and it will come at once
	sealed  []Seal  // by an earlier life, oldest first
}

// queue returns the topic's queue, with the lock held.
func (p *Publisher) queue(topic string) *queue {
	q, ok := p.topics[topic]
	if !ok {
		q = &queue{p: p, topic: topic, wake: make(chan struct{}, 1), together: newTogether(p.cfg.MaxTogether), sequence: rand.Text(), next: 1}
		p.topics[topic] = q
	}
	return q
}

// queueOf returns the queue of a topic that has one.
func (p *Publisher) queueOf(topic string) *queue {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.topics[topic]
}

// number gives parts the next numbers, with the lock held.
func (q *queue) number(parts []part) {
	for i := range parts {
		parts[i].sequence, parts[i].first = q.sequence, q.next
		q.next += uint64(parts[i].units)
	}
}

// add appends numbered parts, with the lock held.
func (q *queue) add(parts []part, units, bytes int) {
	wasFull := q.full()
	q.parts.push(parts)
	q.units += units
	q.bytes += bytes
	switch {
	case !q.running:
		q.running = true
		q.p.queues.Add(1)
		go q.run()
	case !wasFull && q.full():
		q.signal()
	}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) full() bool {
	if len(q.sealed) > 0 && q.units >= q.sealed[0].Count {
		return true
	}
	return q.units >= q.p.cfg.MaxMessages || q.bytes >= q.p.cfg.MaxBytes
}

// run flushes until the queue is empty.
func (q *queue) run() {
	defer q.p.queues.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		q.p.mu.Lock()
		if q.parts.len() == 0 {
			q.running = false
			q.parts = ring{}
			q.p.mu.Unlock()
			return
		}
		trigger, wait := q.due()
		if wait > 0 {
			q.p.mu.Unlock()
			timer.Reset(wait)
			select {
			case <-q.wake:
			case <-timer.C:
			}
			continue
		}
		batches := []Batch{q.seal(trigger)}
		for len(batches) < q.together.size && q.parts.len() > 0 && q.full() {
			trigger, wait := q.due()
			if wait > 0 {
				break
			}
			batches = append(batches, q.seal(trigger))
		}
		q.p.mu.Unlock()
		switch {
		case q.p.stuck(q.topic): // and so not worth sealing
			q.p.abandon(batches, errNoTime)
		case q.keep(batches):
			q.p.flush(batches...)
		}
	}
}

// due returns what seals the next batch now, or how long that is away, with
// the lock held.
func (q *queue) due() (Trigger, time.Duration) {
	if q.cutShort() {
		return ByCrash, math.MaxInt64 // until there is more
	}
	if _, ok := q.nextSealed(); ok {
		return ByCrash, 0
	}
	switch {
	case q.units >= q.p.cfg.MaxMessages:
		return BySize, 0
	case q.bytes >= q.p.cfg.MaxBytes:
		return ByBytes, 0
	case q.reading:
		return ByDelay, math.MaxInt64 // old as it may be, it need not go alone
	case q.p.closing.Err() != nil:
		return ByClose, 0
	default:
		return ByDelay, time.Until(q.parts.at(0).taken.Add(q.p.cfg.MaxDelay))
	}
}

// cutShort tells whether there is only a part of a batch that was sealed
// before, and the journal has the rest, with the lock held.
func (q *queue) cutShort() bool {
	if q.parts.len() == 0 || !q.more {
		return false
	}
	seal, ok := q.nextSealed()
	return ok && q.units < seal.Count
}

// nextSealed returns the seal that begins with the next unit, if there is one,
// with the lock held.
func (q *queue) nextSealed() (Seal, bool) {
	next := q.parts.at(0)
	for len(q.sealed) > 0 {
		seal := q.sealed[0]
		behind := next.first - seal.First // for the same sequence
		switch {
		case seal.Sequence == next.sequence && next.first >= seal.First && behind < uint64(seal.Count):
			q.sealed[0].First, q.sealed[0].Count = next.first, seal.Count-int(behind)
			return q.sealed[0], true
		case seal.Sequence == next.sequence && next.first < seal.First:
			return Seal{}, false
		}
		q.sealed = q.sealed[1:] // its units are done with
	}
	return Seal{}, false
}

// seal takes the next batch off the queue, with the lock held: whole parts
// while they fit, then as much of the next as can be cut off. A batch that was
// sealed before is as it was then, whatever the limits are now.
func (q *queue) seal(trigger Trigger) Batch {
	sealedAt, maxUnits, maxBytes := time.Now(), q.p.cfg.MaxMessages, q.p.cfg.MaxBytes
	if trigger == ByCrash {
		sealedAt, maxUnits, maxBytes = q.sealed[0].At, q.sealed[0].Count, math.MaxInt
		q.sealed = q.sealed[1:]
	}
	n, units, bytes := 0, 0, 0
	for n < q.parts.len() {
		next := q.parts.at(n)
		if units+next.units > maxUnits || bytes+next.bytes() > maxBytes || n > 0 && !next.follows(q.parts.at(n-1)) {
			break
		}
		units += next.units
		bytes += next.bytes()
		n++
	}
	parts := q.parts.pop(n)
	if q.parts.len() > 0 && units < maxUnits && (n == 0 || q.parts.at(0).follows(&parts[n-1])) {
		parts = q.top(parts, maxUnits-units, maxBytes-bytes)
	}
	batch := newBatch(q.topic, trigger, sealedAt, parts)
	q.units -= batch.Count
	q.bytes -= batch.Bytes
	return batch
}

// top adds to a batch what fits of the next part. A batch that would be empty
// gets one unit, however large: the next publisher must say that it is too
// large.
func (q *queue) top(parts []part, units, bytes int) []part {
	next := *q.parts.at(0)
	head, tail, ok := q.p.cut(next, units, bytes)
	if !ok && len(parts) > 0 {
		return parts
	}
	if !ok {
		if head, tail, ok = q.p.cut(next, 1, math.MaxInt); !ok {
			head, tail = next, part{}
		}
	}
	if tail.msg == nil {
		q.parts.pop(1)
	} else {
		// Both halves may repeat what stood once before the cut.
		grown := head.bytes() + tail.bytes() - next.bytes()
		q.bytes += grown
		q.p.bytes += grown
		*q.parts.at(0) = tail
	}
	return append(parts, head)
}
