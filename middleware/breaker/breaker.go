// Package breaker decorates a Watermill publisher with a circuit breaker: after
// some failures in a row it fails at once for a while, then lets one message
// through to see.
package breaker

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/sony/gobreaker/v2"
)

// ErrOpen is wrapped by the error of Publish while the breaker lets nothing
// through.
var ErrOpen = errors.New("the circuit breaker is open")

// State is what a breaker does with messages.
type State string

// What a breaker does with messages.
const (
	Closed   State = "closed"    // it lets them through
	HalfOpen State = "half-open" // it lets one through at a time, and does as that fares
	Open     State = "open"      // it fails at once
)

// States are all of them.
var States = []State{Closed, HalfOpen, Open}

// Config configures a Publisher. Zero values take the defaults that stand
// beside them.
type Config struct {
	Failures int           // in a row, that open it: 5
	Pause    time.Duration // how long it stays open: 2 s
	// IsHealthy tells errors that are the message's own fault: they do not
	// count. Nil: every error counts.
	IsHealthy func(error) bool
	// Changed is told of each change. It must be quick. Nil: nobody is.
	Changed func(from, to State)
}

// Publisher is a message.Publisher behind a circuit breaker. It is safe for
// concurrent use if the next one is.
type Publisher struct {
	message.Publisher
	breaker *gobreaker.CircuitBreaker[struct{}]

	mu      sync.Mutex
	changes []Change // the last ones, oldest first
	count   int      // of all changes
}

// Change is a change of a breaker's state.
type Change struct {
	At       time.Time
	From, To State
}

// keptChanges is how many of the last changes a breaker remembers.
const keptChanges = 6

// New returns a Publisher in front of next, which Close closes.
func New(next message.Publisher, cfg Config) *Publisher {
	if cfg.Failures == 0 {
		cfg.Failures = 5
	}
	if cfg.Pause == 0 {
		cfg.Pause = 2 * time.Second
	}
	p := &Publisher{Publisher: next}
	p.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      cfg.Pause,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= cfg.Failures },
		IsSuccessful: func(err error) bool { return err == nil || cfg.IsHealthy != nil && cfg.IsHealthy(err) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			change := Change{time.Now(), State(from.String()), State(to.String())}
			p.note(change)
			if cfg.Changed != nil {
				cfg.Changed(change.From, change.To)
			}
		},
	})
	return p
}

func (p *Publisher) note(c Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	p.changes = append(p.changes, c)
	p.changes = p.changes[max(0, len(p.changes)-keptChanges):]
}

// Changes returns how often the state has changed, and the last few changes,
// oldest first.
func (p *Publisher) Changes() (count int, last []Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count, slices.Clone(p.changes)
}

// String names the publisher in Watermill's metrics.
func (p *Publisher) String() string { return "breaker.Publisher" }

// State returns what the breaker does with messages now.
func (p *Publisher) State() State { return State(p.breaker.State().String()) }

// Publish hands the messages to the next publisher, or fails at once with
// ErrOpen.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	_, err := p.breaker.Execute(func() (struct{}, error) {
		return struct{}{}, p.Publisher.Publish(topic, messages...)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return err
}
