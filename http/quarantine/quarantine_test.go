package quarantine_test

import (
	"context"
	"encoding/json"
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
	"millrace/http/openapi"
	"millrace/http/quarantine"
	"millrace/http/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake answers what it is told to, and remembers what it was asked.
type fake struct {
	page    app.QuarantinePage
	detail  app.QuarantineDetail
	logs    app.QuarantineLogs
	results app.QuarantineResults
	err     error
	hold    bool

	query  app.QuarantineQuery
	id     int64
	did    string
	chosen app.QuarantineSelection
}

func (f *fake) Items(ctx context.Context, query app.QuarantineQuery) (app.QuarantinePage, error) {
	f.query = query
	if f.hold {
		<-ctx.Done()
		return app.QuarantinePage{}, ctx.Err()
	}
	return f.page, f.err
}

func (f *fake) Item(_ context.Context, id int64) (app.QuarantineDetail, app.QuarantineLogs, error) {
	f.id = id
	return f.detail, f.logs, f.err
}

func (f *fake) Replay(_ context.Context, chosen app.QuarantineSelection) (app.QuarantineResults, error) {
	f.did, f.chosen = "replay", chosen
	return f.results, f.err
}

func (f *fake) Discard(_ context.Context, chosen app.QuarantineSelection) (app.QuarantineResults, error) {
	f.did, f.chosen = "discard", chosen
	return f.results, f.err
}

func newGateway(t testing.TB, fake *fake, timeout time.Duration) *echo.Echo {
	t.Helper()
	document, err := openapi.Read()
	if err != nil {
		t.Fatal(err)
	}
	e := server.New(server.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := quarantine.Mount(e, quarantine.Config{Document: document, Quarantine: fake, Timeout: timeout}); err != nil {
		t.Fatal(err)
	}
	return e
}

func ask(e *echo.Echo, method, url, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	e.ServeHTTP(w, r)
	return w
}

func TestTheListIsPagedAndFiltered(t *testing.T) {
	fake := &fake{page: app.QuarantinePage{Items: []app.QuarantineItem{{ID: 71, State: app.Held, Failure: app.Failure{Reason: app.ReasonTooLarge}}}, Next: 71}}
	e := newGateway(t, fake, 0)
	w := ask(e, "GET", "/api/quarantine?state=held&stage=ship&reason=too-large&shipper=a%20b&from=2026-01-31T12:00:00Z&to=2026-01-31T13:00:00%2B01:00&limit=7&cursor=2s", "")
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	want := app.QuarantineQuery{QuarantineFilter: app.QuarantineFilter{State: "held", Stage: "ship", Reason: "too-large", Shipper: "a b", From: noon}, Limit: 7, After: 100}
	if !fake.query.To.Equal(noon) {
		t.Errorf("asked to %s", fake.query.To)
	}
	if fake.query.To = (time.Time{}); w.Code != http.StatusOK || fake.query != want {
		t.Errorf("%d %s, asked for %+v", w.Code, w.Body, fake.query)
	}
	if kept := w.Header().Get("Cache-Control"); kept != "private, no-cache" {
		t.Errorf("it may be kept: %q", kept)
	}
	for _, member := range []string{`"id":71`, `"state":"held"`, `"reason":"too-large"`, `"next":"1z"`} {
		if !strings.Contains(w.Body.String(), member) {
			t.Errorf("%s is missing in %s", member, w.Body)
		}
	}
	began := time.Now()
	ask(e, "GET", "/api/quarantine?from=-15m&to=now", "")
	if from, to := fake.query.From, fake.query.To; to.Sub(from) != 15*time.Minute || to.Before(began) {
		t.Errorf("asked from %s to %s", from, to)
	}
	fake.page = app.QuarantinePage{Items: []app.QuarantineItem{}}
	if w := ask(e, "GET", "/api/quarantine", ""); w.Body.String() != `{"items":[],"next":null}`+"\n" || fake.query != (app.QuarantineQuery{Limit: app.DefaultLimit}) {
		t.Errorf("%s, asked for %+v", w.Body, fake.query)
	}
}

func TestAnItemIsShownWithItsLogsOrItsBytes(t *testing.T) {
	fake := &fake{
		detail: app.QuarantineDetail{
			QuarantineItem: app.QuarantineItem{ID: 5, Readable: true},
			Headers:        []app.QuarantineHeader{{Name: []byte("a"), Value: []byte("b")}, {Name: []byte("\xff"), Value: []byte("\xff\x00")}},
			History:        []app.QuarantineEvent{{What: "poisoned", Lies: &app.RecordPlace{Offset: 9}}}, Payload: []byte("\x00bytes"),
		},
		logs: app.QuarantineLogs{Logs: []json.RawMessage{json.RawMessage(`{"message":"m"}`)}, Of: 3},
	}
	e := newGateway(t, fake, 0)
	w := ask(e, "GET", "/api/quarantine/5", "")
	if w.Code != http.StatusOK || fake.id != 5 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, member := range []string{`"logs":[{"message":"m"}]`, `"logs_total":3`, `{"name":"a","value":"b"}`, `"bytes":"/wA="`, `"what":"poisoned"`, `"offset":9`} {
		if !strings.Contains(w.Body.String(), member) {
			t.Errorf("%s is missing in %s", member, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), `"payload"`) {
		t.Errorf("the bytes of a batch are there: %s", w.Body)
	}
	fake.logs = app.QuarantineLogs{}
	if w := ask(e, "GET", "/api/quarantine/5", ""); !strings.Contains(w.Body.String(), `"payload":"AGJ5dGVz"`) || !strings.Contains(w.Body.String(), `"logs":[]`) {
		t.Errorf("%s", w.Body)
	}
	raw := ask(e, "GET", "/api/quarantine/5/payload", "")
	if raw.Body.String() != "\x00bytes" || raw.Header().Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(raw.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%q %v", raw.Body, raw.Header())
	}
	fake.err = app.Errorf(app.KindNotFound, "no such item")
	for _, path := range []string{"/api/quarantine/5", "/api/quarantine/5/payload"} {
		if w := ask(e, "GET", path, ""); w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

func TestItemsAreReplayedAndDiscarded(t *testing.T) {
	fake := &fake{results: app.QuarantineResults{Results: []app.QuarantineResult{{ID: 4, State: app.Replaying}, {ID: 5, Detail: "no batch"}}, More: true}}
	e := newGateway(t, fake, 0)
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for body, want := range map[string]app.QuarantineSelection{
		`{"ids":[5,4]}`: {IDs: []int64{5, 4}, Limit: app.DefaultLimit},
		`{"filter":{}}`: {Limit: app.DefaultLimit},
		`{"filter":{"stage":"ship","reason":"too-large","shipper":"s","from":"2026-01-31T12:00:00Z"},"limit":9}`: {
			Filter: app.QuarantineFilter{Stage: "ship", Reason: "too-large", Shipper: "s", From: at}, Limit: 9,
		},
	} {
		for _, what := range []string{"replay", "discard"} {
			w := ask(e, "POST", "/api/quarantine/"+what, body)
			if w.Code != http.StatusOK || fake.did != what || fmt.Sprint(fake.chosen) != fmt.Sprint(want) {
				t.Errorf("%s: %d %s, asked for %s %+v", body, w.Code, w.Body, fake.did, fake.chosen)
			}
			if w.Body.String() != `{"results":[{"id":4,"state":"replaying"},{"id":5,"detail":"no batch"}],"more":true}`+"\n" {
				t.Errorf("%s", w.Body)
			}
		}
	}
	fake.err = app.Errorf(app.KindUnavailable, "PostgreSQL is away")
	if w := ask(e, "POST", "/api/quarantine/replay", `{"ids":[1]}`); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	fake := &fake{}
	e := newGateway(t, fake, 0)
	for question, field := range map[string]string{
		"GET /api/quarantine?sate=held":                                         "sate",
		"GET /api/quarantine?state=gone":                                        "state",
		"GET /api/quarantine?stage=hell":                                        "stage",
		"GET /api/quarantine?reason=because":                                    "reason",
		"GET /api/quarantine?from=yesterday":                                    "from",
		"GET /api/quarantine?to=3000-01-01T00:00:00Z":                           "to",
		"GET /api/quarantine?limit=0":                                           "limit",
		"GET /api/quarantine?cursor=-":                                          "cursor",
		"GET /api/quarantine?shipper=%00":                                       "shipper",
		"GET /api/quarantine/abc":                                               "item",
		"GET /api/quarantine/0/payload":                                         "item",
		"GET /api/quarantine/5?x=y":                                             "x",
		"POST /api/quarantine/replay?x=y":                                       "x",
		`POST /api/quarantine/replay {}`:                                        "ids",
		`POST /api/quarantine/replay {"ids":[1],"filter":{}}`:                   "ids",
		`POST /api/quarantine/replay {"ids":[]}`:                                "ids",
		`POST /api/quarantine/replay {"ids":[1],"limit":5}`:                     "limit",
		`POST /api/quarantine/replay {"ids":null,"filter":{}}`:                  "ids",
		`POST /api/quarantine/replay {"ids":[1],"filter":null}`:                 "filter",
		`POST /api/quarantine/replay {"ids":[1],"limit":null}`:                  "limit",
		`POST /api/quarantine/replay {"ids":[1,null]}`:                          "ids.1",
		`POST /api/quarantine/discard {"filter":{"from":null}}`:                 "filter.from",
		`POST /api/quarantine/discard {"filter":{"reason":null}}`:               "filter.reason",
		`POST /api/quarantine/discard {"filter":{"stage":""}}`:                  "filter.stage",
		`POST /api/quarantine/discard {"filter":{"reason":""}}`:                 "filter.reason",
		`POST /api/quarantine/discard {"filter":{"shipper":""}}`:                "filter.shipper",
		`POST /api/quarantine/discard {"filter":{},"limit":0}`:                  "limit",
		`POST /api/quarantine/discard {"filter":{"stage":"x"}}`:                 "filter.stage",
		`POST /api/quarantine/discard {"filter":{"to":"0001-01-01T00:00:00Z"}}`: "filter.to",
	} {
		method, rest, _ := strings.Cut(question, " ")
		url, body, _ := strings.Cut(rest, " ")
		if w := ask(e, method, url, body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", question, w.Code, w.Body)
		}
	}
	for _, body := range []string{"", "x", `{"filters":{}}`, `{"filter":{"state":"replayed"}}`, `{"ids":[1]}{"ids":[2]}`, `{"ids":["1"]}`, `[1]`} {
		if w := ask(e, "POST", "/api/quarantine/discard", body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "the body cannot be read") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if fake.did != "" {
		t.Errorf("%s was done", fake.did)
	}
}

func TestAListThatTakesTooLongIsATimeout(t *testing.T) {
	if w := ask(newGateway(t, &fake{hold: true}, time.Millisecond), "GET", "/api/quarantine", ""); w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "took longer than 1ms") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func FuzzSelection(f *testing.F) {
	for _, seed := range []string{`{"ids":[5,4]}`, `{"filter":{"reason":"too-large"},"limit":9}`, `{}`, `{"filter":{}} x`, "\x00"} {
		f.Add(seed)
	}
	asked := &fake{}
	e := newGateway(f, asked, 0) // which is more work than an input is
	f.Fuzz(func(t *testing.T, body string) {
		*asked = fake{}
		w := ask(e, "POST", "/api/quarantine/discard", body)
		chosen := asked.chosen
		switch {
		case asked.did == "" && w.Code == http.StatusOK, asked.did != "" && w.Code != http.StatusOK:
			t.Errorf("%d and %q was done", w.Code, asked.did)
		case asked.did != "" && (len(chosen.IDs) > app.MaxLimit || len(chosen.IDs) == 0 && !strings.Contains(strings.ToLower(body), "filter") || chosen.Limit < 1 || chosen.Limit > app.MaxLimit):
			t.Errorf("%s chose %+v", body, chosen)
		}
	})
}
