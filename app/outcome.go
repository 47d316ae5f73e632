package app

import (
	"context"
	"sync/atomic"
)

// Outcome is where a message's handling leaves its error for whoever put the
// message in and waits for it: acknowledgements alone do not say why.
type Outcome struct{ err atomic.Pointer[error] }

type outcomeKey struct{}

// WithOutcome returns a context that carries a new Outcome.
func WithOutcome(ctx context.Context) (context.Context, *Outcome) {
	o := &Outcome{}
	return context.WithValue(ctx, outcomeKey{}, o), o
}

// OutcomeFrom returns the context's Outcome, or nil when nobody waits.
func OutcomeFrom(ctx context.Context) *Outcome {
	o, _ := ctx.Value(outcomeKey{}).(*Outcome)
	return o
}

// Fail records why handling failed. On a nil Outcome it does nothing.
func (o *Outcome) Fail(err error) {
	if o != nil {
		o.err.Store(&err)
	}
}

// Err returns what Fail recorded last, or nil.
func (o *Outcome) Err() error {
	if p := o.err.Load(); p != nil {
		return *p
	}
	return nil
}
