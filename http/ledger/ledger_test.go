package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/http/ledger"
	"millrace/http/openapi"
	"millrace/http/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLedger answers whatever it is told to, and remembers what it was asked.
type fakeLedger struct {
	report   app.LedgerReport
	page     app.BatchPage
	err      error
	findings []app.Finding
	hold     chan struct{} // a verification waits for it, if there is one
	begun    chan struct{}

	asked app.LedgerQuery
	id    string
	query app.BatchQuery
}

func (f *fakeLedger) Report(ctx context.Context, query app.LedgerQuery) (app.LedgerReport, error) {
	f.asked = query
	if f.hold != nil {
		<-ctx.Done()
		return app.LedgerReport{}, ctx.Err()
	}
	return f.report, f.err
}

func (f *fakeLedger) Batch(_ context.Context, id string) (app.BatchLife, error) {
	f.id = id
	return app.BatchLife{ID: id, State: app.BatchStored}, f.err
}

func (f *fakeLedger) Batches(_ context.Context, query app.BatchQuery) (app.BatchPage, error) {
	f.query = query
	return f.page, f.err
}

func (f *fakeLedger) Verify(_ context.Context, query app.LedgerQuery, report app.VerifyReport) (app.Verification, error) {
	f.asked = query
	if f.hold != nil {
		close(f.begun)
		<-f.hold
	}
	for _, finding := range f.findings {
		if err := errors.Join(report.Finding(finding), report.Progress(app.VerifyProgress{Of: 1})); err != nil {
			return app.Verification{}, err
		}
	}
	return app.Verification{Whole: len(f.findings) == 0}, f.err
}

func newGateway(t *testing.T, fake *fakeLedger, timeout time.Duration) *echo.Echo {
	t.Helper()
	document, err := openapi.Read()
	if err != nil {
		t.Fatal(err)
	}
	e := server.New(server.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := ledger.Mount(e, ledger.Config{Document: document, Ledger: fake, Timeout: timeout}); err != nil {
		t.Fatal(err)
	}
	return e
}

func ask(e *echo.Echo, method, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(method, url, nil))
	return w
}

func TestTheReportIsOneDocument(t *testing.T) {
	fake := &fakeLedger{report: app.LedgerReport{Whole: true, Total: 1, Shippers: []app.ShipperLedger{{
		Shipper: "k3v9", Accepted: 9, Stored: 8, Duplicates: 2, Gaps: app.Ranges{Count: 1, Logs: 1, First: []app.Range{{From: 4, To: 4}}},
	}}}}
	w := ask(newGateway(t, fake, 0), "GET", "/api/ledger?shipper=k3v9")
	var got app.LedgerReport
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || fake.asked != (app.LedgerQuery{Shipper: "k3v9", Settle: time.Minute}) {
		t.Fatal(w.Code, w.Body, err)
	}
	if fmt.Sprint(got) != fmt.Sprint(fake.report) {
		t.Errorf("got %+v", got)
	}
	for _, member := range []string{`"accepted":9`, `"sealed":0`, `"shipped":0`, `"stored":8`, `"quarantined":0`, `"duplicates_refused":2`, `"gaps":{"count":1,"logs":1,"first":[{"from":4,"to":4}]}`} {
		if !strings.Contains(w.Body.String(), member) {
			t.Errorf("%s is missing in %s", member, w.Body)
		}
	}
	if w.Header().Get("Cache-Control") != "private, no-cache" {
		t.Error("a cache may keep it")
	}
}

func TestABatchIsFoundByItsID(t *testing.T) {
	fake := &fakeLedger{}
	e := newGateway(t, fake, 0)
	for path, id := range map[string]string{"k3v9-1": "k3v9-1", "logs.0-41": "logs.0-41", "a%2Fb%20c-7": "a/b c-7", "a%2525-1": "a%25-1", "a%25zz-1": "a%zz-1"} {
		if w := ask(e, "GET", "/api/batches/"+path); w.Code != http.StatusOK || fake.id != id {
			t.Errorf("%s: asked for %q, %d %s", path, fake.id, w.Code, w.Body)
		}
	}
	fake.err = app.Errorf(app.KindNotFound, "no such batch")
	if w := ask(e, "GET", "/api/batches/k3v9-2"); w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestBatchesArePaged(t *testing.T) {
	cursor := app.BatchCursor{StoredAt: time.UnixMicro(1_700_000_000_000_001).UTC(), Number: 5, First: 1001}
	fake := &fakeLedger{page: app.BatchPage{Batches: []app.BatchLife{{ID: "k3v9-1"}}, Next: &cursor}}
	e := newGateway(t, fake, 0)
	w := ask(e, "GET", "/api/batches?shipper=k3v9&from=2026-01-31T12:00:00Z&limit=7&cursor="+cursor.String())
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"next":"`+cursor.String()+`"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	want := app.BatchQuery{Shipper: "k3v9", From: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Limit: 7}
	if at := fake.query.At; at == nil || *at != cursor {
		t.Errorf("goes on at %+v", at)
	}
	if fake.query.At = nil; fake.query != want {
		t.Errorf("asked for %+v", fake.query)
	}
	fake.page = app.BatchPage{}
	if w := ask(e, "GET", "/api/batches"); w.Body.String() != `{"batches":[],"next":null}`+"\n" || fake.query != (app.BatchQuery{Limit: app.DefaultLimit}) {
		t.Errorf("%s, asked for %+v", w.Body, fake.query)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	e := newGateway(t, &fakeLedger{}, 0)
	for url, field := range map[string]string{
		"/api/ledger?shippr=a":                   "shippr",
		"/api/ledger?shipper=a&shipper=b":        "shipper",
		"/api/ledger?shipper=%00":                "shipper",
		"/api/ledger?settle=-1s":                 "settle",
		"/api/ledger?settle=soon":                "settle",
		"/api/batches?limit=0":                   "limit",
		"/api/batches?limit=1001":                "limit",
		"/api/batches?from=yesterday":            "from",
		"/api/batches?from=3000-01-01T00:00:00Z": "from",
		"/api/batches?cursor=x":                  "cursor",
		"/api/batches?cursor=1.2.-3":             "cursor",
		"/api/batches?cursor=zzzzzzzzzzzz.1.1":   "cursor",
		"/api/batches/k3v9-1?a=b":                "a",
	} {
		if w := ask(e, "GET", url); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", url, w.Code, w.Body)
		}
	}
	if w := ask(e, "POST", "/api/ledger/verify?shippr=a"); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestALedgerThatTakesTooLongIsATimeout(t *testing.T) {
	e := newGateway(t, &fakeLedger{hold: make(chan struct{})}, time.Millisecond)
	if w := ask(e, "GET", "/api/ledger"); w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "took longer than 1ms") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAVerificationIsAStreamThatEndsWithItsResult(t *testing.T) {
	fake := &fakeLedger{findings: []app.Finding{{Kind: app.FindGap, Shipper: "k3v9", Range: app.Range{From: 4, To: 6}, Logs: 3}}}
	e := newGateway(t, fake, 0)
	w := ask(e, "POST", "/api/ledger/verify?shipper=k3v9&settle=0s")
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if w.Code != http.StatusOK || len(lines) != 3 || fake.asked != (app.LedgerQuery{Shipper: "k3v9", Settle: 0}) || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, begin := range []string{`{"finding":{"kind":"gap","shipper":"k3v9","from":4,"to":6,"logs":3}}`, `{"progress":`, `{"result":{`} {
		if !strings.HasPrefix(lines[i], begin) {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
	fake.err = app.Errorf(app.KindUnavailable, "the server went away")
	if w := ask(e, "POST", "/api/ledger/verify"); w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), `{"error":"the server went away"}`+"\n") {
		t.Errorf("an error in the midst of it: %d %s", w.Code, w.Body)
	}
	fake.findings = nil
	if w := ask(e, "POST", "/api/ledger/verify"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("an error at the beginning: %d %s", w.Code, w.Body)
	}
}

func TestOneVerificationRunsAtATime(t *testing.T) {
	fake := &fakeLedger{hold: make(chan struct{}), begun: make(chan struct{})}
	e := newGateway(t, fake, 0)
	first := make(chan int)
	go func() { first <- ask(e, "POST", "/api/ledger/verify").Code }()
	<-fake.begun
	if w := ask(e, "POST", "/api/ledger/verify"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("a second one: %d %s", w.Code, w.Body)
	}
	close(fake.hold)
	if code := <-first; code != http.StatusOK {
		t.Errorf("the first one: %d", code)
	}
	fake.begun = make(chan struct{})
	if w := ask(e, "POST", "/api/ledger/verify"); w.Code != http.StatusOK {
		t.Errorf("one after it: %d %s", w.Code, w.Body)
	}
}
