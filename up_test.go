package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"millrace/app"
)

// recordedRole is a role that notes when it was told to stop.
type recordedRole struct {
	mu    *sync.Mutex
	notes *[]string
}

func (r recordedRole) named(name string, fails error) func(context.Context, app.Config) error {
	return func(ctx context.Context, _ app.Config) error {
		if fails != nil {
			return fails
		}
		<-ctx.Done()
		r.mu.Lock()
		defer r.mu.Unlock()
		*r.notes = append(*r.notes, name)
		return nil
	}
}

func TestRolesStopOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notes []string
		r := recordedRole{&sync.Mutex{}, &notes}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- runInOrder(ctx, app.Config{}, r.named("producer", nil), r.named("shipper", nil), r.named("consumer", nil))
		}()
		synctest.Wait()
		stop()
		if err := <-ended; err != nil || !slices.Equal(notes, []string{"producer", "shipper", "consumer"}) {
			t.Errorf("stopped %v, error %v", notes, err)
		}
	})
}

func TestARoleThatFailsStopsTheOthers(t *testing.T) {
	var notes []string
	r := recordedRole{&sync.Mutex{}, &notes}
	failure := errors.New("port 8082 is in use")
	err := runInOrder(t.Context(), app.Config{}, r.named("producer", nil), r.named("shipper", failure), r.named("consumer", nil))
	if !errors.Is(err, failure) || !slices.Equal(notes, []string{"producer", "consumer"}) {
		t.Errorf("stopped %v, error %v", notes, err)
	}
}
