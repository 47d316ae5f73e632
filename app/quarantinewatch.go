package app

import (
	"context"
	"time"
)

// QuarantineCount is how many items of a reason are in a state.
type QuarantineCount struct {
	State, Reason string
	Items         int64
}

// QuarantineCounter counts the items. PostgreSQL fills it. Safe for concurrent
// use.
type QuarantineCounter interface {
	QuarantineCounts(ctx context.Context) ([]QuarantineCount, error)
}

// QuarantineWatch counts the items again and again.
type QuarantineWatch struct {
	items   QuarantineCounter
	observe func([]QuarantineCount, error)
}

// NewQuarantineWatch returns a watch that tells observe what it counted, or why
// it could not.
func NewQuarantineWatch(items QuarantineCounter, observe func([]QuarantineCount, error)) *QuarantineWatch {
	return &QuarantineWatch{items: items, observe: observe}
}

// Run counts until ctx ends.
func (w *QuarantineWatch) Run(ctx context.Context) error {
	return lookAgain(ctx, func(time.Time) {
		counts, err := w.items.QuarantineCounts(ctx)
		if ctx.Err() == nil {
			w.observe(counts, err)
		}
	})
}
