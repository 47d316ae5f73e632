package breaker_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/breaker"
)

// switchable is a next publisher that fails as it is told.
type switchable struct {
	err   error
	calls int
}

func (s *switchable) Publish(string, ...*message.Message) error { s.calls++; return s.err }
func (s *switchable) Close() error                              { return nil }

func TestItOpensFailsAtOnceAndClosesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		next := &switchable{err: errors.New("away")}
		p := breaker.New(next, breaker.Config{Failures: 3, Pause: time.Second, Changed: func(from, to breaker.State) {
			changes = append(changes, fmt.Sprint(from, ">", to))
		}})
		for range 3 {
			if err := p.Publish("topic"); !errors.Is(err, next.err) {
				t.Fatalf("got %v", err)
			}
		}
		if p.State() != breaker.Open {
			t.Fatalf("it is %s after three failures", p.State())
		}
		if err := p.Publish("topic"); !errors.Is(err, breaker.ErrOpen) || next.calls != 3 {
			t.Fatalf("got %v after %d calls", err, next.calls)
		}
		<-time.After(time.Second + time.Millisecond)
		if err := p.Publish("topic"); !errors.Is(err, next.err) || p.State() != breaker.Open {
			t.Fatalf("the trial gave %v, it is %s", err, p.State())
		}
		next.err = nil
		<-time.After(time.Second + time.Millisecond)
		if err := p.Publish("topic"); err != nil || p.State() != breaker.Closed {
			t.Fatalf("the trial gave %v, it is %s", err, p.State())
		}
		want := "[closed>open open>half-open half-open>open open>half-open half-open>closed]"
		if fmt.Sprint(changes) != want {
			t.Errorf("it went %v, want %s", changes, want)
		}
		count, last := p.Changes()
		if count != 5 || len(last) != 5 || last[0].To != breaker.Open || last[4].To != breaker.Closed || last[4].At.IsZero() {
			t.Errorf("it tells of %d changes: %+v", count, last)
		}
	})
}

func TestWhatIsTheMessagesFaultDoesNotCount(t *testing.T) {
	tooLarge := errors.New("too large")
	p := breaker.New(&switchable{err: tooLarge}, breaker.Config{Failures: 1, IsHealthy: func(err error) bool { return errors.Is(err, tooLarge) }})
	for range 5 {
		if err := p.Publish("topic"); !errors.Is(err, tooLarge) {
			t.Fatalf("got %v", err)
		}
	}
	if p.State() != breaker.Closed {
		t.Errorf("it is %s", p.State())
	}
}
