package query_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"millrace/app"
)

func exported(n int) []app.Log {
	logs := make([]app.Log, n)
	for i := range logs {
		logs[i] = app.Log{
			ID: app.NewLogID(1, i), Time: time.Unix(int64(i), 5).UTC(), ReceivedAt: time.Unix(int64(i), 6).UTC(), Level: app.LevelWarn,
			Service: "=cmd", Host: "@h", Message: "-1+1\r\n\"quoted\"", Attributes: json.RawMessage(`{"a":[1,2.5,null,true,{"b":"c"}]}`),
		}
	}
	return logs
}

func request(t *testing.T, store *fakeStore, url, encoding string) *http.Response {
	t.Helper()
	server := httptest.NewServer(newGateway(t, store))
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", encoding)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func TestAnExportIsPackedAsTheClientWants(t *testing.T) {
	want := exported(3000)
	for accepted, encoding := range map[string]string{"": "", "gzip": "gzip", "zstd, gzip": "zstd", "gzip;q=0, *": "zstd", "br": "", "zstd;q=0,gzip;q=0.5": "gzip"} {
		answer := request(t, &fakeStore{logs: want}, "/api/logs/export", accepted)
		if got := answer.Header.Get("Content-Encoding"); got != encoding || answer.StatusCode != http.StatusOK {
			t.Fatalf("%q: %d, Content-Encoding %q", accepted, answer.StatusCode, got)
		}
		body := io.Reader(answer.Body)
		switch encoding {
		case "gzip":
			unpacked, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = unpacked
		case "zstd":
			unpacked, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			defer unpacked.Close()
			body = unpacked
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
		one, err := want[2999].MarshalJSON()
		if err != nil || len(lines) != len(want) || !bytes.Equal(lines[2999], one) {
			t.Errorf("%q: %d lines, the last %s, %v", accepted, len(lines), lines[len(lines)-1], err)
		}
	}
}

func TestNoSpreadsheetTakesAValueForAFormula(t *testing.T) {
	answer := request(t, &fakeStore{logs: exported(1)}, "/api/logs/export?format=csv", "")
	rows, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	for i, want := range map[int]string{3: "'=cmd", 4: "'@h", 5: "'-1+1\n\"quoted\"", 6: `{"a":[1,2.5,null,true,{"b":"c"}]}`} {
		if got := strings.ReplaceAll(rows[1][i], "\r", ""); got != want {
			t.Errorf("%s is %q, want %q", rows[0][i], got, want)
		}
	}
}

func TestAnExportThatBreaksOffIsCut(t *testing.T) {
	broken := app.Errorf(app.KindUnavailable, "PostgreSQL is away")
	if answer := request(t, &fakeStore{broken: broken}, "/api/logs/export", "gzip"); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Content-Encoding") != "" {
		t.Errorf("before its first byte: %d %v", answer.StatusCode, answer.Header)
	}
	answer := request(t, &fakeStore{logs: exported(3000), broken: broken}, "/api/logs/export", "")
	if _, err := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("in its midst: %d, %v", answer.StatusCode, err)
	}
}

func TestAHeadOfAnExportReadsNothing(t *testing.T) {
	store := &fakeStore{broken: errors.New("it was read")}
	w := httptest.NewRecorder()
	newGateway(t, store).ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/api/logs/export?format=csv", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestCountsAreAskedAsTheParametersSay(t *testing.T) {
	store := &fakeStore{}
	e := newGateway(t, store)
	for url, check := range map[string]func() bool{
		"/api/logs/histogram?from=2026-01-01T00:00:30Z&to=2026-01-01T01:00:01Z&step=1m&by=service": func() bool {
			q := store.histogram
			return q.By == app.FieldService && q.Step == time.Minute && q.From.Second() == 0 && q.To.Equal(q.From.Add(61*time.Minute))
		},
		"/api/logs/histogram?from=-1d":  func() bool { return store.histogram.Step == 15*time.Minute },
		"/api/logs/histogram?from=-20s": func() bool { return store.histogram.Step == time.Second },
		"/api/logs/facets?field=service&field=attr.user.id&limit=3": func() bool {
			return len(store.facets.Fields) == 2 && store.facets.Limit == 3 && store.facets.To.Sub(store.facets.From) == 24*time.Hour
		},
		"/api/logs/stats?by=host&distinct=service&min_level=error": func() bool {
			return store.stats.By == app.FieldHost && store.stats.Distinct == app.FieldService && len(store.stats.Levels) == 2
		},
	} {
		if w := get(e, url); w.Code != http.StatusOK || !check() {
			t.Errorf("%s: %d %s\n%+v\n%+v\n%+v", url, w.Code, w.Body, store.histogram, store.facets, store.stats)
		}
	}
	for url, field := range map[string]string{
		"/api/logs/histogram?from=-30d&step=1s":                 "step",
		"/api/logs/histogram?step=0s":                           "step",
		"/api/logs/histogram?by=colour":                         "by",
		"/api/logs/facets":                                      "field",
		"/api/logs/facets?field=attr.":                          "field",
		"/api/logs/stats?from=2100-01-01T00:00:00Z":             "from",
		"/api/logs/zzz":                                         "id",
		"/api/logs/1-1/context?before=501":                      "before",
		"/api/logs/export?format=xml":                           "format",
		"/api/logs/export?from=-1h&to=-2h":                      "to",
		"/api/logs/stats?limit=101&distinct=attr.a.b.c.d.e.f.g": "limit",
	} {
		if w := get(e, url); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", url, w.Code, w.Body)
		}
	}
}

func TestSearchesAtOnceAreLimited(t *testing.T) {
	store := &fakeStore{slow: true}
	cfg := config(t, store)
	cfg.MaxSearches, cfg.Timeout = 1, 200*time.Millisecond
	server := httptest.NewServer(mount(t, cfg))
	defer server.Close()
	statuses := make(chan *http.Response)
	for i := range 2 {
		go func() {
			answer, err := http.Get(server.URL + "/api/logs?limit=" + string(rune('1'+i)))
			if err != nil {
				t.Error(err)
			}
			statuses <- answer
		}()
	}
	first, second := <-statuses, <-statuses
	first.Body.Close()
	second.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if first.StatusCode != http.StatusTooManyRequests || first.Header.Get("Retry-After") == "" || second.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("%d and %d", first.StatusCode, second.StatusCode)
	}
}

func TestARangeIsHeldToItsLimit(t *testing.T) {
	store := &fakeStore{}
	cfg := config(t, store)
	cfg.MaxRange = time.Hour
	e := mount(t, cfg)
	if w := get(e, "/api/logs?from=-2h"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"field":"from"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(e, "/api/logs"); w.Code != http.StatusOK || time.Since(store.query.From).Round(time.Minute) != time.Hour {
		t.Errorf("%d, from %s", w.Code, store.query.From)
	}
}
