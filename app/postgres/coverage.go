package postgres

import (
	"sync"
	"time"

	"millrace/app"
)

const (
	// maxPending is how many stored batches are remembered one by one.
	maxPending = 10_000
	// manyPending are so many that a snapshot that sees them all takes their
	// place. An older one that sees them, too, is then taken for not to.
	manyPending = 64
)

// coverage is what a feed knows: a snapshot that sees every batch up to some
// moment, and the batches stored since. Safe for concurrent use.
type coverage struct {
	mu       sync.Mutex
	listens  bool                // guarded by mu, as are the rest
	aliveAt  time.Time           // a moment at which the server still told
	baseline app.Snapshot        // sees every batch that is not pending
	pending  map[uint64]struct{} // transactions heard of that baseline need not see
	covering app.Snapshot        // the last that covers all that is known; "" when none is known to
	storedAt time.Time           // when the last batch was heard of, or listening began
}

// covers tells whether the snapshot sees every batch known to be stored.
func (c *coverage) covers(s app.Snapshot, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.listens || now.Sub(c.aliveAt) > maxSilence {
		return false
	}
	if s == c.covering && s != "" {
		return true
	}
	if !s.Includes(c.baseline) {
		return false
	}
	for transaction := range c.pending {
		if !s.Sees(transaction) {
			return false
		}
	}
	c.covering = s
	if len(c.pending) > manyPending {
		c.baseline = s
		clear(c.pending)
	}
	return true
}

// changedAt returns when a batch was stored last, as far as is known: just now,
// when that cannot be known.
func (c *coverage) changedAt(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.listens || now.Sub(c.aliveAt) > maxSilence {
		return now
	}
	return c.storedAt
}

// begin starts anew from a snapshot that sees every batch heard of so far.
func (c *coverage) begin(baseline app.Snapshot, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listens, c.aliveAt, c.baseline = true, at, baseline
	c.storedAt = at
	c.pending, c.covering = map[uint64]struct{}{}, ""
}

// alive notes that the server answered a question that was asked at a time.
func (c *coverage) alive(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aliveAt = at
}

// stored notes a batch that was heard of at a time, and tells whether there are
// so many that it is time to begin anew.
func (c *coverage) stored(transaction uint64, at time.Time) (many bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aliveAt, c.storedAt = at, at
	c.pending[transaction] = struct{}{}
	c.covering = ""
	return len(c.pending) > maxPending
}

// forget ends what is known, and tells whether there was anything.
func (c *coverage) forget() (known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, c.listens = c.listens, false
	c.pending, c.covering = nil, ""
	return known
}
