package actuator_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"millrace/app"
	"millrace/http/actuator"
	"millrace/http/server"
)

func fine(name string) app.Check {
	return app.CheckFunc(name, func(context.Context) error { return nil })
}

func TestHealth(t *testing.T) {
	broken := app.CheckFunc("redis", func(context.Context) error { return errors.New("connection refused") })
	well, ill := mount(t, prometheus.NewRegistry(), fine("kafka")), mount(t, prometheus.NewRegistry(), fine("kafka"), broken)
	told := func(c app.Check) app.Check {
		return app.Helpful(app.Detailed(c, func() map[string]string { return map[string]string{"state": "open"} }))
	}
	telling := mount(t, prometheus.NewRegistry(), told(fine("breaker")), told(broken))
	alone := mount(t, prometheus.NewRegistry())
	const groups = `"groups":["liveness","readiness"]`
	for _, tc := range []struct {
		of     string
		path   string
		status int
		body   string
	}{
		{"alone", "/actuator/health", 200, `{"status":"UP",` + groups + `}`},
		{"well", "/actuator/health", 200, `{"status":"UP","components":{"kafka":{"status":"UP"}},` + groups + `}`},
		{"well", "/actuator/health/kafka", 200, `{"status":"UP"}`},
		{"well", "/actuator/health/readiness", 200, `{"status":"UP","components":{"kafka":{"status":"UP"}}}`},
		{"ill", "/actuator/health", 503, `{"status":"DOWN","components":{"kafka":{"status":"UP"},"redis":{"status":"DOWN","details":{"error":"connection refused"}}},` + groups + `}`},
		{"ill", "/actuator/health/redis", 503, `{"status":"DOWN","details":{"error":"connection refused"}}`},
		{"ill", "/actuator/health/readiness", 503, `{"status":"DOWN","components":{"kafka":{"status":"UP"},"redis":{"status":"DOWN","details":{"error":"connection refused"}}}}`},
		{"ill", "/actuator/health/liveness", 200, `{"status":"UP"}`},
		{"telling", "/actuator/health", 503, `{"status":"DOWN","components":{"breaker":{"status":"UP","details":{"state":"open"}},"redis":{"status":"DOWN","details":{"error":"connection refused","state":"open"}}},` + groups + `}`},
		{"telling", "/actuator/health/breaker", 200, `{"status":"UP","details":{"state":"open"}}`},
	} {
		e := map[string]*echo.Echo{"alone": alone, "well": well, "ill": ill, "telling": telling}[tc.of]
		status, body, _ := get(e, tc.path)
		if body = strings.TrimSpace(body); status != tc.status || body != tc.body {
			t.Errorf("%s, %s: %d %s, want %d %s", tc.of, tc.path, status, body, tc.status, tc.body)
		}
	}
	if status, body, _ := get(well, "/actuator/health/nothing"); status != http.StatusNotFound {
		t.Errorf("a check that there is not: %d %s", status, body)
	}
}

// What a role can do without for a while is shown, and does not make it
// unready; that it does not get on makes it dead, and nothing else does.
func TestReadinessAndLiveness(t *testing.T) {
	broken := func(name string) app.Check {
		return app.CheckFunc(name, func(context.Context) error { return errors.New("away") })
	}
	stuck := errors.New("stuck")
	var alive error
	e := server.New(server.Config{Logger: slog.New(slog.DiscardHandler)})
	err := actuator.Mount(e, actuator.Config{
		Gatherer: prometheus.NewRegistry(), Checks: []app.Check{fine("postgres"), app.Helpful(broken("redis"))},
		Alive: app.CheckFunc("progress", func(context.Context) error { return alive }),
	})
	if err != nil {
		t.Fatal(err)
	}
	statuses := func() (out [4]int) {
		for i, path := range []string{"", "/redis", "/readiness", "/liveness"} {
			out[i], _, _ = get(e, "/actuator/health"+path)
		}
		return out
	}
	if got := statuses(); got != [4]int{503, 503, 200, 200} {
		t.Errorf("without Redis: %v", got)
	}
	alive = stuck
	if got := statuses(); got != [4]int{503, 503, 200, 503} {
		t.Errorf("when it does not get on: %v", got)
	}
}

// All checks together take no longer than the slowest, and that one no longer
// than a second, even if it does not heed its context.
func TestChecksAreBoundedAndSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(name string) app.Check {
			return app.CheckFunc(name, func(context.Context) error { time.Sleep(500 * time.Millisecond); return nil })
		}
		deaf := app.CheckFunc("deaf", func(context.Context) error { time.Sleep(3 * time.Second); return nil })
		obedient := app.CheckFunc("obedient", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		e := mount(t, prometheus.NewRegistry(), slow("a"), slow("b"), slow("c"), deaf, obedient)
		start := time.Now()
		status, body, _ := get(e, "/actuator/health")
		if status != http.StatusServiceUnavailable || !strings.Contains(body, `"deaf":{"status":"DOWN","details":{"error":"no answer within 1s"}}`) {
			t.Errorf("%d %s", status, body)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %s", took)
		}
		time.Sleep(5 * time.Second) // until the deaf one is done
	})
}

// Probes that come faster than checks end do not pile up.
func TestACheckRunsOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, runs atomic.Int32
		check := app.CheckFunc("slow", func(context.Context) error {
			runs.Add(1)
			if running.Add(1) > 1 {
				t.Error("it runs twice at a time")
			}
			time.Sleep(2500 * time.Millisecond)
			running.Add(-1)
			return nil
		})
		e := mount(t, prometheus.NewRegistry(), check)
		var probes sync.WaitGroup
		for range 100 {
			probes.Go(func() { get(e, "/actuator/health") })
			time.Sleep(100 * time.Millisecond)
		}
		probes.Wait()
		if n := runs.Load(); n != 4 && n != 5 {
			t.Errorf("it ran %d times in 10 s", n)
		}
		time.Sleep(5 * time.Second)
	})
}
