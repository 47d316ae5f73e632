package kafka

import (
	"errors"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/eapache/go-resiliency/breaker"
)

// reconnecting is a publisher with a new client whenever the one it has gave
// up. sarama leaves a partition alone for ten seconds after three failures,
// and again after each further one, which cannot be set: a broker that was
// away for four seconds was found again after eighteen. When to try again is
// for those above to say.
type reconnecting struct {
	connect func() (message.Publisher, error)

	mu      sync.RWMutex      // held for reading by Publish, beside which nothing may be closed
	current message.Publisher // nil until it first connected
	closed  bool
}

var errClosed = errors.New("kafka: the publisher is closed")

func newReconnecting(connect func() (message.Publisher, error)) (*reconnecting, error) {
	r := &reconnecting{connect: connect}
	return r, r.first()
}

// String names the publisher in Watermill's metrics.
func (*reconnecting) String() string { return "kafka.Publisher" }

// Publish implements message.Publisher.
func (r *reconnecting) Publish(topic string, messages ...*message.Message) error {
	if err := r.first(); err != nil {
		return err
	}
	r.mu.RLock()
	used := r.current
	err := used.Publish(topic, messages...)
	r.mu.RUnlock()
	if errors.Is(err, breaker.ErrBreakerOpen) {
		r.replace(used)
	}
	return err
}

// first connects, unless that was done.
func (r *reconnecting) first() (err error) {
	r.mu.RLock()
	connected := r.current != nil
	r.mu.RUnlock()
	if connected {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errClosed
	}
	if r.current == nil {
		r.current, err = r.connect()
	}
	return err
}

// replace connects anew, unless that was done already or Kafka does not answer:
// then the next failure comes here again.
func (r *reconnecting) replace(used message.Publisher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.current != used {
		return
	}
	fresh, err := r.connect()
	if err != nil {
		return // the caller has an error to report already
	}
	r.current = fresh
	_ = used.Close() // it holds nothing: every Publish has returned
}

// Close implements message.Publisher.
func (r *reconnecting) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.current == nil {
		return nil
	}
	return r.current.Close()
}
