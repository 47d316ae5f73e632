package problem_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/http/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer lets a server fail with err, and returns the answer and the log.
func answer(t *testing.T, method string, err error) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	e := echo.New()
	e.HTTPErrorHandler = problem.Handler(slog.New(slog.NewTextHandler(&log, nil)))
	e.Match([]string{http.MethodGet, http.MethodHead}, "/a/b", func(c echo.Context) error {
		c.Response().Header().Set("X-Request-ID", "r-1")
		return err
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(method, "/a/b?c=d", nil))
	return w, log.String()
}

func TestTheTable(t *testing.T) {
	plain := errors.New("password=1234")
	for name, tc := range map[string]struct {
		err        error
		status     int
		kind       string
		retryAfter string
		logged     bool
	}{
		"invalid":          {app.Errorf(app.KindInvalid, "x"), 400, "invalid", "", false},
		"too large":        {app.Errorf(app.KindTooLarge, "x"), 413, "too-large", "", false},
		"not found":        {app.Errorf(app.KindNotFound, "x"), 404, "not-found", "", false},
		"conflict":         {app.Errorf(app.KindConflict, "x"), 409, "conflict", "", false},
		"full":             {app.Errorf(app.KindFull, "x"), 503, "full", "1", false},
		"full for a while": {&app.Error{Kind: app.KindFull, RetryAfter: 90 * time.Second}, 503, "full", "90", false},
		"unavailable":      {&app.Error{Kind: app.KindUnavailable, Message: "x", Err: plain}, 503, "unavailable", "1", true},
		"timeout":          {app.Errorf(app.KindTimeout, "x"), 504, "timeout", "", true},
		"internal":         {app.Errorf(app.KindInternal, "x"), 500, "internal", "", true},
		"wrapped":          {fmt.Errorf("reading: %w", app.Errorf(app.KindNotFound, "x")), 404, "not-found", "", false},
		"anything else":    {plain, 500, "internal", "", true},
		"deadline":         {fmt.Errorf("asking: %w", context.DeadlineExceeded), 504, "timeout", "", true},
		"client left":      {context.Canceled, 499, "client-left", "", false},
		"body too large":   {fmt.Errorf("reading: %w", &http.MaxBytesError{Limit: 7}), 413, "too-large", "", false},
		"unsupported":      {echo.NewHTTPError(415, "use JSON"), 415, "unsupported", "", false},
		"Echo's 500":       {echo.NewHTTPError(500, plain.Error()), 500, "internal", "", true},
		"too many":         {echo.ErrTooManyRequests, 429, "too-many-requests", "1", false},
		"too often":        {&app.Error{Kind: app.KindTooMany, RetryAfter: 3 * time.Second}, 429, "too-many-requests", "3", false},
		"no key":           {app.Errorf(app.KindUnauthenticated, "x"), 401, "unauthenticated", "", false},
		"may not":          {app.Errorf(app.KindForbidden, "x"), 403, "forbidden", "", false},
		"teapot":           {echo.NewHTTPError(418, "short and stout"), 418, "http", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w, log := answer(t, http.MethodGet, tc.err)
			var doc problem.Document
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			if w.Code != tc.status || doc.Status != tc.status || doc.Type != "urn:millrace:problem:"+tc.kind || doc.Title == "" {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			if doc.Instance != "/a/b" || doc.RequestID != "r-1" || w.Header().Get("Content-Type") != problem.ContentType {
				t.Errorf("answered %v %s", w.Header(), w.Body)
			}
			if got := w.Header().Get("Retry-After"); got != tc.retryAfter {
				t.Errorf("Retry-After is %q, want %q", got, tc.retryAfter)
			}
			if strings.Contains(w.Body.String(), "password") {
				t.Errorf("the cause is told: %s", w.Body)
			}
			if tc.logged != strings.Contains(log, "r-1") || tc.logged && errors.Is(tc.err, plain) && !strings.Contains(log, "password") {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

func TestEveryThingThatIsWrongIsNamed(t *testing.T) {
	err := problem.WithAccepted(errors.Join(
		&app.Error{Kind: app.KindInvalid, Field: "limit", Message: "limit is 0"},
		fmt.Errorf("second: %w", &app.Error{Kind: app.KindInvalid, Line: 3, Field: "level", Message: "level is odd"}),
	), 0)
	w, _ := answer(t, http.MethodGet, err)
	const want = `{"type":"urn:millrace:problem:invalid","title":"The request is wrong","status":400,` +
		`"detail":"2 things are wrong: see errors","instance":"/a/b","request_id":"r-1",` +
		`"errors":[{"field":"limit","detail":"limit is 0"},{"field":"level","line":3,"detail":"level is odd"}],"accepted":0}`
	if w.Code != 400 || w.Body.String() != want {
		t.Errorf("got  %s\nwant %s", w.Body, want)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	w, _ := answer(t, http.MethodHead, app.Errorf(app.KindFull, "x"))
	if w.Code != 503 || w.Body.Len() != 0 || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != problem.ContentType {
		t.Errorf("answered %d %v %s", w.Code, w.Header(), w.Body)
	}
}

type poem struct{ error }

func (p poem) Unwrap() error { return p.error }

func (poem) Render(doc problem.Document) (string, []byte) {
	return "text/x-poem", []byte("roses are red, " + doc.Detail)
}

func TestAProtocolMayHaveItsOwnForm(t *testing.T) {
	w, _ := answer(t, http.MethodGet, poem{app.Errorf(app.KindFull, "the buffer is full")})
	if w.Code != 503 || w.Body.String() != "roses are red, the buffer is full" || w.Header().Get("Content-Type") != "text/x-poem" || w.Header().Get("Retry-After") != "1" {
		t.Errorf("answered %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestEveryKindHasAStatus(t *testing.T) {
	for kind := app.KindInternal; kind <= app.KindTooMany; kind++ {
		if problem.Status(kind) < 400 {
			t.Errorf("kind %d has no status", kind)
		}
	}
}
