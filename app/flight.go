package app

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// flights runs one computation for all who want the same at the same time. A
// computation has a context of its own: it goes on when the first who asked
// leaves, and ends when all have. Safe for concurrent use.
type flights[T any] struct {
	timeout time.Duration // of a computation

	mu      sync.Mutex
	flying  map[string]*flight[T]
	closed  bool
	running sync.WaitGroup
}

type flight[T any] struct {
	done    chan struct{}
	waiting int
	cancel  context.CancelFunc
	result  T
	err     error
}

func newFlights[T any](timeout time.Duration) *flights[T] {
	return &flights[T]{timeout: timeout, flying: map[string]*flight[T]{}}
}

var errFlightsClosed = Errorf(KindUnavailable, "the server stops")

// do returns what compute returns, for this caller and all who call with the
// same key meanwhile. ctx bounds the wait; its values are compute's.
func (f *flights[T]) do(ctx context.Context, key string, compute func(context.Context) (T, error)) (result T, err error) {
	own, err := f.join(ctx, key, compute)
	if err != nil {
		return result, err
	}
	select {
	case <-own.done:
		return own.result, own.err
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		if own.waiting--; own.waiting == 0 {
			own.cancel()
			f.forget(key, own) // whoever comes now begins anew
		}
		return result, ctx.Err()
	}
}

// begin has compute run for whoever may want the result, if it does not run
// already. Nobody's leaving ends it. It is false when all is closed.
func (f *flights[T]) begin(ctx context.Context, key string, compute func(context.Context) (T, error)) bool {
	_, err := f.join(ctx, key, compute) // one who waits and never leaves
	return err == nil
}

func (f *flights[T]) join(ctx context.Context, key string, compute func(context.Context) (T, error)) (*flight[T], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errFlightsClosed
	}
	if there := f.flying[key]; there != nil {
		there.waiting++
		return there, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.timeout)
	own := &flight[T]{done: make(chan struct{}), waiting: 1, cancel: cancel}
	f.flying[key] = own
	f.running.Go(func() {
		defer cancel()
		own.result, own.err = unpanicked(ctx, compute)
		f.mu.Lock()
		f.forget(key, own)
		f.mu.Unlock()
		close(own.done)
	})
	return own, nil
}

// unpanicked turns a panic into an error: here it would end the program, where
// a server ends one request.
func unpanicked[T any](ctx context.Context, compute func(context.Context) (T, error)) (result T, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return compute(ctx)
}

func (f *flights[T]) forget(key string, own *flight[T]) {
	if f.flying[key] == own {
		delete(f.flying, key)
	}
}

// close ends what runs, and waits for it.
func (f *flights[T]) close() {
	f.mu.Lock()
	f.closed = true
	for _, own := range f.flying {
		own.cancel()
	}
	f.mu.Unlock()
	f.running.Wait()
}
