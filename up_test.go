package main

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

func TestARoleToldToStopWhileItStartsHidesNoFailure(t *testing.T) {
	var notes []string
	r := recordedRole{&sync.Mutex{}, &notes}
	failure := errors.New("PostgreSQL cannot be reached")
	starting := func(ctx context.Context, _ app.Config) error { <-ctx.Done(); return ctx.Err() }
	err := runInOrder(t.Context(), app.Config{}, starting, r.named("consumer", failure))
	if !errors.Is(err, failure) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTheProducerWaitsForItsShipper(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := reserved.Addr().String()
	reserved.Close()
	began := make(chan struct{})
	ended := make(chan error, 1)
	producer := whenListening(addr, func(context.Context, app.Config) error { close(began); return nil })
	go func() { ended <- producer(t.Context(), app.Config{}) }()
	select {
	case <-began:
		t.Error("it did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	shipper, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer shipper.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := producer(stopped, app.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop it returned %v", err)
	}
}

func TestWhatTwoRolesLackIsToldOnce(t *testing.T) {
	fails := func(context.Context, app.Config) error {
		return app.Errorf(app.KindUnavailable, "PostgreSQL cannot be reached")
	}
	other := func(context.Context, app.Config) error {
		return app.Errorf(app.KindUnavailable, "Kafka cannot be reached")
	}
	if err := runInOrder(t.Context(), app.Config{}, fails, other, fails); err.Error() != "PostgreSQL cannot be reached\nKafka cannot be reached" {
		t.Errorf("got %q", err)
	}
}

func TestUpRefusesWhatCannotWorkBeforeItStartsAnything(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, test := range map[string]struct {
		change func(*app.Config)
		want   string
	}{
		"a port in use":       {func(c *app.Config) { c.Consumer.Addr = taken.Addr().String() }, "--consumer-addr"},
		"a file as folder":    {func(c *app.Config) { c.DataDir = "up_test.go" }, "data-dir"},
		"a very long folder":  {func(c *app.Config) { c.DataDir = strings.Repeat("long/", 200) }, "data-dir"},
		"an address not here": {func(c *app.Config) { c.Gateway.Addr = "192.0.2.1:0" }, "--gateway-addr"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := app.DefaultConfig()
			cfg.DataDir = t.TempDir()
			cfg.Producer.Addr, cfg.Shipper.Addr, cfg.Consumer.Addr, cfg.Gateway.Addr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
			test.change(&cfg)
			err := runUp(t.Context(), cfg)
			if app.KindOf(err) == app.KindInternal || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("want one sentence with %q, got %v", test.want, err)
			}
			if left, err := os.ReadDir(cfg.DataDir); err == nil && len(left) > 1 { // the lock
				t.Errorf("it made %v", left)
			}
		})
	}
}
