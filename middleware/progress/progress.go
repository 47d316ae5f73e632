// Package progress notices work that has stopped: a message that is handled,
// or published, for longer than any try of it should take. A process in which
// that happens answers and does nothing; to start it again is what helps.
//
// Waiting for another is no work: who wraps must wrap a single try, which has
// limits of its own, not a retry around it.
package progress

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Watch knows what is in progress. It is an app.Check. Safe for concurrent use.
type Watch struct {
	limit time.Duration

	mu      sync.Mutex
	next    int
	running map[int]time.Time // guarded by mu: when each began
}

// New returns a Watch for work of which no try takes as long as limit.
func New(limit time.Duration) *Watch {
	return &Watch{limit: limit, running: map[int]time.Time{}}
}

// begin notes that something has begun; done, that it has ended.
func (w *Watch) begin() (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.next
	w.next++
	w.running[id] = time.Now()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.running, id)
	}
}

// Name implements app.Check.
func (*Watch) Name() string { return "progress" }

// Check implements app.Check: it fails when something has not ended in time.
func (w *Watch) Check(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, began := range w.running {
		if took := time.Since(began); took > w.limit {
			return fmt.Errorf("a message has been in work for %s: no try of it should take longer than %s", took.Round(time.Second), w.limit)
		}
	}
	return nil
}

// Handler is a message.HandlerMiddleware that watches a handler.
func (w *Watch) Handler(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		defer w.begin()()
		return next(msg)
	}
}

// Publisher watches a publisher.
func (w *Watch) Publisher(next message.Publisher) message.Publisher { return &publisher{next, w} }

type publisher struct {
	message.Publisher
	watch *Watch
}

func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	defer p.watch.begin()()
	return p.Publisher.Publish(topic, messages...)
}
