package client_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t *testing.T, answer http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL+"/", app.HTTPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestPublishSendsWhatItIsGiven(t *testing.T) {
	var got []string
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				t.Error(err)
				return
			}
		}
		data, err := io.ReadAll(body)
		if err != nil || r.URL.Path != "/api/logs" || r.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Error(r.URL, r.Header, err)
		}
		got = append(got, string(data))
		w.WriteHeader(http.StatusAccepted)
	})
	long := strings.Repeat("{\"msg\":\"a line\"}\n", 1000)
	if err := c.Publish("logs", message.NewMessage("1", []byte("{}")), message.NewMessage("2", []byte(long))); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != "{}" || got[1] != long {
		t.Errorf("got %d requests", len(got))
	}
}

func TestPublishTellsWhatMayPassFromWhatWillNot(t *testing.T) {
	for status, want := range map[int]app.Kind{
		400: app.KindInvalid, 404: app.KindUnavailable, 405: app.KindUnavailable, 413: app.KindTooLarge,
		415: app.KindUnavailable, 422: app.KindInvalid, 429: app.KindUnavailable, 500: app.KindUnavailable, 502: app.KindUnavailable, 503: app.KindUnavailable,
	} {
		c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			io.WriteString(w, `{"detail":"line 3: no object"}`)
		})
		err := c.Publish("logs", message.NewMessage("1", nil))
		var e *app.Error
		if !errors.As(err, &e) || e.Kind != want || e.RetryAfter != 7*time.Second || !strings.Contains(e.Message, "line 3") {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

// Nothing is given up because the setting is wrong.
func TestAServerThatIsNoShipperIsNoFaultOfTheLogs(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"404 page not found": http.NotFound,
		"Client sent an HTTP request to an HTTPS server.": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Client sent an HTTP request to an HTTPS server.", http.StatusBadRequest)
		},
		"Unprocessable Entity": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, "<html>\x1b[2J</html>")
		},
	} {
		err := newClient(t, answer).Publish("logs", message.NewMessage("1", nil))
		if app.Permanent(err) || app.KindOf(err) != app.KindUnavailable || !strings.Contains(err.Error(), "producer-target") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAShipperThatIsAwayIsNamed(t *testing.T) {
	c, err := client.New("http://127.0.0.1:1", app.HTTPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Publish("logs", message.NewMessage("1", nil))
	if app.KindOf(err) != app.KindUnavailable || !strings.Contains(err.Error(), "producer-target") {
		t.Errorf("got %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	msg := message.NewMessage("1", nil)
	msg.SetContext(stopped)
	if err := c.Publish("logs", msg); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, target := range []string{"", "localhost:8082", "ftp://x", "http://"} {
		if _, err := client.New(target, app.HTTPConfig{}); err == nil {
			t.Errorf("target %q is taken", target)
		}
	}
}
