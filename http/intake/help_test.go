package intake_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/http/intake"
	"millrace/http/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCodec stands in for OTLP: a payload is one letter a log.
type fakeCodec struct{}

func (fakeCodec) Count(payload []byte) (int, error) {
	if bytes.ContainsRune(payload, '!') {
		return 0, app.Errorf(app.KindInvalid, "the bytes are no request")
	}
	return len(payload), nil
}

func (fakeCodec) FromJSON(body []byte, _ time.Time) ([]byte, int, error) {
	logs := []map[string]any{{}}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		logs = nil
		if err := json.Unmarshal(body, &logs); err != nil {
			return nil, 0, app.Errorf(app.KindInvalid, "no JSON: %w", err)
		}
	} else if err := json.Unmarshal(body, &logs[0]); err != nil {
		return nil, 0, app.Errorf(app.KindInvalid, "no JSON: %w", err)
	}
	return bytes.Repeat([]byte("j"), len(logs)), len(logs), nil
}

func (fakeCodec) FromNDJSON(body []byte, _ time.Time) ([]byte, int, error) {
	count := 0
	for i, line := range strings.Split(strings.TrimSpace(string(body)), "\n") {
		if !json.Valid([]byte(line)) {
			return nil, 0, &app.Error{Kind: app.KindInvalid, Line: i + 1, Field: "level", Message: "line " + strconv.Itoa(i+1) + " is wrong"}
		}
		count++
	}
	return bytes.Repeat([]byte("n"), count), count, nil
}

func (fakeCodec) FromOTLPJSON(body []byte) ([]byte, int, error) {
	var logs struct{ Logs int }
	if err := json.Unmarshal(body, &logs); err != nil {
		return nil, 0, app.Errorf(app.KindInvalid, "no OTLP")
	}
	return bytes.Repeat([]byte("o"), logs.Logs), logs.Logs, nil
}

func (fakeCodec) Response(logs int, json bool) []byte {
	switch {
	case logs == 0:
		return []byte("none")
	case json:
		return []byte("{}")
	default:
		return nil
	}
}

func (fakeCodec) Status(kind app.Kind, message string, json bool) []byte {
	if json {
		return []byte(`{"code":` + strconv.Itoa(int(kind)) + `,"message":` + strconv.Quote(message) + `}`)
	}
	return []byte("proto:" + message)
}

// tally is an Observer that counts.
type tally struct {
	mu       sync.Mutex
	received map[string]int
	bytes    int
	refused  map[string]int
}

func newTally() *tally { return &tally{received: map[string]int{}, refused: map[string]int{}} }

func (t *tally) Received(format string, logs, bytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.received[format] += logs
	t.bytes += bytes
}

func (t *tally) Refused(reason string, logs int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused[reason] += max(logs, 1)
}

func newIntake(t testing.TB, cfg intake.Config) (*intake.Intake, *echo.Echo) {
	t.Helper()
	if cfg.Codec == nil {
		cfg.Codec = fakeCodec{}
	}
	in, err := intake.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e := server.New(server.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), MaxBody: 1 << 30})
	holdToDocument(t, e)
	in.Mount(e)
	return in, e
}

// handle subscribes, and gives each message to settle, until Close.
func handle(t testing.TB, in *intake.Intake, settle func(*message.Message)) {
	t.Helper()
	messages, err := in.Subscribe(t.Context(), "requests")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var settling sync.WaitGroup
		for msg := range messages {
			settling.Go(func() { settle(msg) })
		}
		settling.Wait()
	}()
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
}

func ack(msg *message.Message) { msg.Ack() }

// request makes a POST; header holds names and values by turns.
func request(path string, body []byte, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func serve(e *echo.Echo, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}
