package actuator_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/http/actuator"
	"millrace/http/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mount(t *testing.T, registry *prometheus.Registry, checks ...app.Check) *echo.Echo {
	t.Helper()
	e := server.New(server.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := actuator.Mount(e, actuator.Config{Gatherer: registry, Checks: checks}); err != nil {
		t.Fatal(err)
	}
	return e
}

// get returns the status and the body of an answer, as it is and as JSON.
func get(e *echo.Echo, path string) (status int, body string, parsed map[string]any) {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	_ = json.Unmarshal(w.Body.Bytes(), &parsed)
	return w.Code, w.Body.String(), parsed
}

func TestLinks(t *testing.T) {
	_, body, _ := get(mount(t, prometheus.NewRegistry()), "/actuator")
	var links struct {
		Links map[string]struct {
			Href      string
			Templated bool
		} `json:"_links"`
	}
	if err := json.Unmarshal([]byte(body), &links); err != nil {
		t.Fatal(err)
	}
	if got := links.Links["metrics"].Href; got != "http://example.com/actuator/metrics" {
		t.Errorf("metrics are at %s", got)
	}
	if !links.Links["metrics-requiredMetricName"].Templated {
		t.Error("the link of one metric is not templated")
	}
}

func TestPrometheusFindsEverything(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	e := mount(t, registry)
	for _, path := range []string{"/metrics", "/actuator/prometheus"} {
		status, body, _ := get(e, path)
		if status != http.StatusOK || len(body) < 1000 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []actuator.Config{{}, {Gatherer: prometheus.NewRegistry(), Timeout: -1}} {
		if actuator.Mount(echo.New(), cfg) == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
