package batching

import (
	"context"
	"fmt"
	"slices"
)

// waiter is a call of Publish that waits for room.
type waiter struct {
	units, bytes int
	urgent       func() bool   // nil, or tells, with the lock held, that it must not wait for room
	admitted     bool          // guarded by Publisher.mu
	ready        chan struct{} // closed when admitted, or when the Publisher closes
}

func (p *Publisher) tooLarge(units, bytes int) error {
	return fmt.Errorf("%w: %d units and %d bytes, the buffer holds %d and %d", ErrTooLarge, units, bytes, p.cfg.BufferLimit, p.cfg.BufferBytes)
}

func (p *Publisher) fits(units, bytes int) bool {
	return p.units+units <= p.cfg.BufferLimit && p.bytes+bytes <= p.cfg.BufferBytes
}

// awaitRoom waits in line until the room for w is its own. It is called with the
// lock held and holds it again when it returns.
func (p *Publisher) awaitRoom(ctx context.Context, w *waiter) error {
	w.ready = make(chan struct{})
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
	}
	p.mu.Lock()
	if w.admitted && p.closing.Err() != nil && p.cfg.Acknowledge != Journaled {
		// The flush of Close may be over: nobody would take what is added now.
		p.units -= w.units
		p.bytes -= w.bytes
		return ErrClosed
	}
	if w.admitted {
		return nil // even if ctx ended too: the room is taken
	}
	for i, other := range p.waiting {
		if other == w {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			p.admit() // the one behind may need less
			break
		}
	}
	if p.closing.Err() != nil {
		return ErrClosed
	}
	return ctx.Err()
}

// admit gives room to those who wait, in order but for who is urgent, with the
// lock held.
func (p *Publisher) admit() {
	for len(p.waiting) > 0 {
		if p.closing.Err() != nil && p.cfg.Acknowledge != Journaled {
			return
		}
		first := slices.IndexFunc(p.waiting, func(w *waiter) bool { return w.urgent != nil && w.urgent() })
		if first < 0 {
			first = 0
			if w := p.waiting[0]; !p.fits(w.units, w.bytes) {
				return
			}
		}
		w := p.waiting[first]
		p.waiting = slices.Delete(p.waiting, first, first+1)
		p.units += w.units
		p.bytes += w.bytes
		w.admitted = true
		close(w.ready)
	}
}

// release gives back the room of a batch that came to its end, and ends its
// part of the calls that wait.
func (p *Publisher) release(parts []part, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range parts {
		p.units -= part.units
		p.bytes -= part.bytes()
		part.call.settle(part.units, err)
	}
	p.admit()
}
