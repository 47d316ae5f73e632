package actuator_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/http/actuator"
	"millrace/http/server"
)

func TestTheLevelOfTheLogChangesWhileRunning(t *testing.T) {
	var level slog.LevelVar
	level.Set(slog.LevelWarn)
	e := server.New(server.Config{Logger: slog.New(slog.DiscardHandler)})
	if err := actuator.Mount(e, actuator.Config{Gatherer: prometheus.NewRegistry(), Level: &level}); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := get(e, "/actuator/loggers"); status != 200 || !strings.Contains(body, `"ROOT":{"configuredLevel":"WARN","effectiveLevel":"WARN"}`) {
		t.Errorf("%d %s", status, body)
	}
	for _, c := range []struct {
		method, name, body string
		status             int
		level              slog.Level
	}{
		{"PUT", "ROOT", `{"configuredLevel":"debug"}`, 204, slog.LevelDebug},
		{"POST", "root", `{"configuredLevel":"ERROR"}`, 204, slog.LevelError},
		{"PUT", "ROOT", `{"configuredLevel":"LOUD"}`, 400, slog.LevelError},
		{"PUT", "ROOT", `DEBUG`, 400, slog.LevelError},
		{"PUT", "com.example", `{"configuredLevel":"DEBUG"}`, 404, slog.LevelError},
		{"PUT", "ROOT", `{"configuredLevel":null}`, 204, slog.LevelWarn},
	} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(c.method, "/actuator/loggers/"+c.name, strings.NewReader(c.body)))
		if w.Code != c.status || level.Level() != c.level {
			t.Errorf("%s %s %s: %d %s, level %s", c.method, c.name, c.body, w.Code, w.Body, level.Level())
		}
	}
	if status, body, _ := get(e, "/actuator/loggers/ROOT"); status != http.StatusOK || !strings.Contains(body, `"effectiveLevel":"WARN"`) {
		t.Errorf("%d %s", status, body)
	}
}
