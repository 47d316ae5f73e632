package batching

import (
	"math"
	"time"
)

// queue holds the parts of one topic that are in no batch yet, and flushes
// them, one batch at a time, in a goroutine that runs while there are any.
// Its fields are guarded by the Publisher's lock.
type queue struct {
	p     *Publisher
	topic string
	wake  chan struct{} // tells the goroutine to look again; holds one signal

	parts   []part
	units   int
	bytes   int
	first   uint64 // number of the first unit of parts
	running bool
}

// queue returns the topic's queue, with the lock held.
func (p *Publisher) queue(topic string) *queue {
	q, ok := p.topics[topic]
	if !ok {
		q = &queue{p: p, topic: topic, wake: make(chan struct{}, 1), first: 1}
		p.topics[topic] = q
	}
	return q
}

// add appends the parts of one call, with the lock held.
func (q *queue) add(parts []part, units, bytes int) {
	wasFull := q.full()
	q.parts = append(q.parts, parts...)
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
	return q.units >= q.p.cfg.MaxMessages || q.bytes >= q.p.cfg.MaxBytes
}

// run flushes until the queue is empty.
func (q *queue) run() {
	defer q.p.queues.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		q.p.mu.Lock()
		if len(q.parts) == 0 {
			q.running = false
			q.parts = nil
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
		batch := q.seal(trigger)
		q.p.mu.Unlock()
		q.p.flush(batch)
	}
}

// due returns what seals the next batch now, or how long that is away, with
// the lock held.
func (q *queue) due() (Trigger, time.Duration) {
	switch {
	case q.units >= q.p.cfg.MaxMessages:
		return BySize, 0
	case q.bytes >= q.p.cfg.MaxBytes:
		return ByBytes, 0
	case q.p.closed:
		return ByClose, 0
	default:
		return ByDelay, time.Until(q.parts[0].taken.Add(q.p.cfg.MaxDelay))
	}
}

// seal takes the next batch off the queue, with the lock held: whole parts
// while they fit, then as much of the next as can be cut off.
func (q *queue) seal(trigger Trigger) Batch {
	n, units, bytes := 0, 0, 0
	for n < len(q.parts) {
		next := q.parts[n]
		if units+next.units > q.p.cfg.MaxMessages || bytes+next.bytes() > q.p.cfg.MaxBytes {
			break
		}
		units += next.units
		bytes += next.bytes()
		n++
	}
	parts := q.parts[:n:n]
	q.parts = q.parts[n:]
	if len(q.parts) > 0 && units < q.p.cfg.MaxMessages {
		parts = q.top(parts, q.p.cfg.MaxMessages-units, q.p.cfg.MaxBytes-bytes)
	}
	batch := newBatch(q.topic, q.first, trigger, time.Now(), parts)
	q.first += uint64(batch.Count)
	q.units -= batch.Count
	q.bytes -= batch.Bytes
	return batch
}

// top adds to a batch what fits of the next part. A batch that would be empty
// gets one unit, however large: the next publisher must say that it is too
// large.
func (q *queue) top(parts []part, units, bytes int) []part {
	next := q.parts[0]
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
		q.parts = q.parts[1:]
	} else {
		// Both halves may repeat what stood once before the cut.
		grown := head.bytes() + tail.bytes() - next.bytes()
		q.bytes += grown
		q.p.bytes += grown
		q.parts[0] = tail
	}
	return append(parts, head)
}
