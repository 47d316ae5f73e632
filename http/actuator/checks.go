package actuator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"millrace/app"
)

// checks runs checks for whoever asks.
type checks struct {
	timeout time.Duration
	all     []*check
}

func newChecks(given []app.Check, timeout time.Duration) *checks {
	c := &checks{timeout: timeout}
	for _, one := range given {
		c.all = append(c.all, &check{Check: one})
	}
	return c
}

// run runs every check at the same time and returns their results in order.
func (c *checks) run() []error {
	results := make([]error, len(c.all))
	var running sync.WaitGroup
	for i, one := range c.all {
		running.Go(func() { results[i] = one.result(c.timeout) })
	}
	running.Wait()
	return results
}

// check is a check that runs once at a time, however many ask: probes that
// come faster than a server answers must not pile up.
type check struct {
	app.Check

	mu      sync.Mutex
	current *attempt // guarded by mu; nil when none is running
}

// attempt is one run of a check.
type attempt struct {
	done chan struct{} // closed when err is there
	err  error
}

// result runs the check, or joins the run that is in progress, and waits no
// longer than timeout.
func (c *check) result(timeout time.Duration) error {
	a := c.attempt(timeout)
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-a.done:
		return a.err
	case <-late.C:
		return fmt.Errorf("no answer within %s", timeout)
	}
}

// attempt returns the run in progress, else begins one. It has a context of
// its own: whoever began it may leave while others wait.
func (c *check) attempt(timeout time.Duration) *attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		return c.current
	}
	a := &attempt{done: make(chan struct{})}
	c.current = a
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		a.err = c.Check.Check(ctx)
		c.mu.Lock()
		c.current = nil
		c.mu.Unlock()
		close(a.done)
	}()
	return a
}
