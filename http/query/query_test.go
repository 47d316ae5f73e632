package query_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/query"
)

func TestRecentIsABareArray(t *testing.T) {
	store := &fakeStore{source: app.FromCache}
	e := newGateway(t, store)
	w := get(e, "/api/query/recent")
	if w.Code != http.StatusOK || w.Body.String() != "[]" || store.limit != app.DefaultLimit {
		t.Errorf("no logs: %d %s, limit %d", w.Code, w.Body, store.limit)
	}
	store.newest = []json.RawMessage{json.RawMessage(`{"a":1}`), json.RawMessage(`{"b":[2]}`), json.RawMessage(`{}`)}
	w = get(e, "/api/query/recent?limit=2")
	if w.Body.String() != `[{"a":1},{"b":[2]}]` || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("X-Cache") != "hit" {
		t.Errorf("two logs: %v %s", w.Header(), w.Body)
	}
	store.source = app.Bypassed
	if got := get(e, "/api/query/recent?limit=1000").Header().Get("X-Cache"); got != "bypass" {
		t.Errorf("X-Cache: %s", got)
	}
	store.err = errors.New("a secret")
	if w := get(e, "/api/query/recent"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("broken: %d %s", w.Code, w.Body)
	}
	store.err = app.Errorf(app.KindUnavailable, "PostgreSQL is away")
	if w := get(e, "/api/query/recent"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("away: %d %s", w.Code, w.Body)
	}
}

func TestAPageAndTheOnesBesideIt(t *testing.T) {
	log := app.Log{ID: app.NewLogID(1, 2), Time: time.Unix(1, 0), Level: app.LevelWarn, Service: "a", Message: "b"}
	store := &fakeStore{page: app.Page{Logs: []app.Log{log, log}}}
	e := newGateway(t, store)
	one, err := log.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	w := get(e, "/api/logs")
	if want := fmt.Sprintf(`{"logs":[%s,%s],"next":null,"prev":null}`, one, one); w.Body.String() != want || w.Header().Get("Link") != "" {
		t.Errorf("got %v %s, want %s", w.Header(), w.Body, want)
	}
	store.page = app.Page{}
	if w := get(e, "/api/logs"); w.Body.String() != `{"logs":[],"next":null,"prev":null}` {
		t.Errorf("an empty page: %s", w.Body)
	}
	const search = "/api/logs?service=a%26b&text=100%25&limit=2"
	get(e, search)
	next := app.Cursor{Time: time.Unix(7, 0).UTC(), ID: 3, Query: store.query.Hash()}
	store.page = app.Page{Logs: []app.Log{log}, Next: &next, Prev: &app.Cursor{Time: next.Time, Backward: true, Query: next.Query}}
	w = get(e, search)
	var page struct{ Next, Prev string }
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Next != next.String() || page.Prev == "" {
		t.Fatalf("%v in %s", err, w.Body)
	}
	links := w.Header().Values("Link")
	if len(links) != 2 || !strings.HasSuffix(links[0], `>; rel="next"`) || !strings.HasSuffix(links[1], `>; rel="prev"`) {
		t.Fatalf("links %q", links)
	}
	followed := strings.TrimPrefix(strings.TrimSuffix(links[0], `>; rel="next"`), "<")
	if w := get(e, followed); w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", followed, w.Code, w.Body)
	}
	if q := store.query; q.At == nil || *q.At != next || !slices.Equal(q.Texts, []string{"100%"}) || !slices.Equal(q.Services, []string{"a&b"}) || q.Limit != 2 {
		t.Errorf("%s asks %+v", followed, store.query)
	}
	if w := get(e, "/api/logs?service=other&cursor="+page.Next); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"field":"cursor"`) {
		t.Errorf("a cursor of another search: %d %s", w.Code, w.Body)
	}
}

// Pages of the last quarter of an hour are pages of one listing, however long
// it takes to read them.
func TestRelativeTimesStayWhereTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{}
		e := newGateway(t, store)
		get(e, "/api/logs?from=-15m")
		first := store.query
		if want := time.Now().Add(-15 * time.Minute); !first.From.Equal(want) {
			t.Errorf("from %s, want %s", first.From, want)
		}
		store.page.Next = &app.Cursor{Time: time.Unix(7, 0).UTC(), Query: first.Hash()}
		var page struct{ Next string }
		if err := json.Unmarshal(get(e, "/api/logs?from=-15m").Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if w := get(e, "/api/logs?from=-15m&cursor="+page.Next); w.Code != http.StatusOK || !store.query.From.Equal(first.From) {
			t.Errorf("an hour later: %d %s; from %s, was %s", w.Code, w.Body, store.query.From, first.From)
		}
		if w := get(e, "/api/logs?from=-30m&cursor="+page.Next); w.Code != http.StatusBadRequest {
			t.Errorf("with another from: %d %s", w.Code, w.Body)
		}
	})
}

func TestParameters(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]app.Query{
		"":                                 {Limit: 100},
		"limit=1000&order=oldest":          {Limit: 1000, OldestFirst: true},
		"order=newest":                     {Limit: 100},
		"level=warn&level=ERROR,info,WARN": {Limit: 100, Filter: app.Filter{Levels: []app.Level{app.LevelInfo, app.LevelWarn, app.LevelError}}},
		"min_level=WARNING":                {Limit: 100, Filter: app.Filter{Levels: []app.Level{app.LevelWarn, app.LevelError, app.LevelFatal}}},
		"service=b&service=a&service=b":    {Limit: 100, Filter: app.Filter{Services: []string{"a", "b"}}},
		"host=h,1&text=50%25+off":          {Limit: 100, Filter: app.Filter{Hosts: []string{"h,1"}, Texts: []string{"50% off"}}},
		"text=a&text=b&text=a":             {Limit: 100, Filter: app.Filter{Texts: []string{"a", "b"}}},
		"service!=a&host!=b&text!=c&regex!=d&level!=warn,error": {Limit: 100, Filter: app.Filter{
			NotServices: []string{"a"}, NotHosts: []string{"b"}, NotTexts: []string{"c"}, NotPatterns: []string{"d"}, NotLevels: []app.Level{app.LevelWarn, app.LevelError},
		}},
		"trace_id=4BF92F3577B34DA6A3CE929D0E0E4736&trace_id!=" + strings.Repeat("0", 32): {Limit: 100, Filter: app.Filter{
			TraceIDs: []string{"4bf92f3577b34da6a3ce929d0e0e4736"}, NotTraceIDs: []string{strings.Repeat("0", 32)},
		}},
		"regex=^a.*b$&regex=c": {Limit: 100, Filter: app.Filter{Patterns: []string{"^a.*b$", "c"}}},
		"attr.user=42&attr.user=7&attr.http.status!=500": {Limit: 100, Filter: app.Filter{Attributes: []app.AttributeFilter{
			{Name: "http.status", Values: []string{"500"}, Not: true}, {Name: "user", Values: []string{"42", "7"}},
		}}},
		"q=a_b":                           {Limit: 100, Filter: app.Filter{Texts: []string{"a_b"}}},
		"from=2026-01-31T12:00:00Z":       {Limit: 100, Filter: app.Filter{From: at}},
		"to=2026-01-31T13:00:00+01:00":    {Limit: 100, Filter: app.Filter{To: at}}, // a "+" that was not escaped
		"to=1769860800":                   {Limit: 100, Filter: app.Filter{To: at}},
		"to=1769860800000":                {Limit: 100, Filter: app.Filter{To: at}},
		"to=1769860800000000":             {Limit: 100, Filter: app.Filter{To: at}},
		"to=1769860800000000000":          {Limit: 100, Filter: app.Filter{To: at}},
		"from=1769860799.5&to=1769860800": {Limit: 100, Filter: app.Filter{From: at.Add(-time.Second / 2), To: at}},
	} {
		t.Run(text, func(t *testing.T) {
			store := &fakeStore{}
			if w := get(newGateway(t, store), "/api/logs?"+text); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			got := store.query
			got.From, got.To = got.From.UTC(), got.To.UTC()
			if fmt.Sprint(got) != fmt.Sprint(want) || got.Hash() != want.Hash() {
				t.Errorf("asks %+v, want %+v", got, want)
			}
		})
	}
}

func TestWrongParametersAreAllNamed(t *testing.T) {
	for text, want := range map[string][]string{
		"limit=0":                                  {"limit"},
		"limit=1001":                               {"limit"},
		"limit=ten&order=up":                       {"limit", "order"},
		"limit=1&limit=2":                          {"limit"},
		"levels=WARN&colour=red":                   {"colour", "levels"},
		"level=LOUD,WARN&min_level=":               {"level", "min_level"},
		"limit=&text=&cursor=&attr.a=&order=":      {"attr.a", "cursor", "limit", "order", "text"},
		"service=a&service=&service=b":             {"service"},
		"from":                                     {"from"},
		"level=WARN&min_level=INFO":                {"min_level"},
		"min_level=LOUD":                           {"min_level"},
		"text=a&q=b":                               {"q"},
		"regex=(&level!=LOUD&service!=%ff":         {"level!", "regex", "service!"},
		"trace_id=12&attr.=1":                      {"attr.", "trace_id"},
		"attr.a.b.c.d.e.f.g=1":                     {"attr.a.b.c.d.e.f.g"},
		"attr.%ff=1&attr.!=2":                      {"attr.!", "attr.\ufffd"},
		"from=never&limit=0&min_level=x":           {"from", "limit", "min_level"},
		"text=a%00b":                               {"text"},
		"service=%ff":                              {"service"},
		"host=" + strings.Repeat("x", 1001):        {"host"},
		strings.Repeat("host=x&", 101):             {"host"},
		"from=yesterday":                           {"from"},
		"from=-":                                   {"from"},
		"from=-15":                                 {"from"},
		"from=--15m":                               {"from"},
		"from=-99999w":                             {"from"},
		"from=now-3000w":                           {"from"},
		"from=nowhere":                             {"from"},
		"to=1969-12-31T23:59:59Z":                  {"to"},
		"to=9999-01-01T00:00:00Z":                  {"to"},
		"to=0001-01-01T00:00:00Z":                  {"to"},
		"to=1769860800000.5":                       {"to"},
		"to=1.":                                    {"to"},
		"to=99999999999999999999":                  {"to"},
		"from=2026-01-02T00:00:00Z&to=2026-01-01Z": {"to"},
		"from=-1h&to=-2h":                          {"to"},
		"cursor=abc":                               {"cursor"},
		"cursor=abc.zz":                            {"cursor"},
		"cursor=.":                                 {"cursor"},
		"cursor=abc&limit=x":                       {"limit"},
	} {
		t.Run(text[:min(len(text), 40)], func(t *testing.T) {
			w := get(newGateway(t, &fakeStore{}), "/api/logs?"+text)
			var doc struct {
				Errors []struct{ Field, Detail string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != http.StatusBadRequest {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			var got []string
			for _, e := range doc.Errors {
				got = append(got, e.Field)
				if e.Detail == "" {
					t.Errorf("%s is not explained", e.Field)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("names %v, want %v: %s", got, want, w.Body)
			}
		})
	}
	for _, broken := range []string{"/api/logs?a=%zz", "/api/logs?a;b", "/api/query/recent?level=WARN"} {
		if w := get(newGateway(t, &fakeStore{}), broken); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", broken, w.Code, w.Body)
		}
	}
}

func TestAQueryIsBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := get(newGateway(t, &fakeStore{slow: true}), "/api/logs")
		if w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "longer than 10s") || time.Since(start) != 10*time.Second {
			t.Errorf("after %s: %d %s", time.Since(start), w.Code, w.Body)
		}
	})
}

func TestTheIndexNamesTheEndpoints(t *testing.T) {
	w := get(newGateway(t, &fakeStore{}), "/api")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "/api/query/recent") || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestConfigIsChecked(t *testing.T) {
	store := &fakeStore{}
	right := config(t, store)
	for name, spoil := range map[string]func(*query.Config){
		"no document":        func(c *query.Config) { c.Document = nil },
		"no reader":          func(c *query.Config) { c.Reader = nil },
		"no counter":         func(c *query.Config) { c.Counter = nil },
		"a negative time":    func(c *query.Config) { c.Timeout = -1 },
		"a negative range":   func(c *query.Config) { c.MaxRange = -1 },
		"a negative number":  func(c *query.Config) { c.MaxSearches = -1 },
		"a negative exports": func(c *query.Config) { c.MaxExports = -1 },
	} {
		cfg := right
		spoil(&cfg)
		if query.Mount(echo.New(), cfg) == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

// Whatever the query string is, it is either refused with at least one reason,
// or asks something that is within the limits and that a cursor fits.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{
		"", "limit=10&order=oldest", "from=-15m&to=now", "level=WARN,ERROR&service=a&host=b", "min_level=info&q=x",
		"from=2026-01-31T12:00:00+01:00", "to=1769860800.25", "cursor=AQAABkpl8kgAAAAAAAAAAAADAAAAAAAAAAA.1", "from=-9223372036854775808ns", "a=%zz;", "text=%00",
	} {
		f.Add(seed)
	}
	store := &fakeStore{}
	e := newGateway(f, store) // which is more work than an input is
	f.Fuzz(func(t *testing.T, rawQuery string) {
		*store = fakeStore{}
		status := func(rawQuery string) int {
			u := url.URL{Path: "/api/logs", RawQuery: rawQuery}
			return serveURL(e, &u).Code
		}
		switch status(rawQuery) {
		case http.StatusBadRequest:
			if store.query.Limit != 0 {
				t.Error("the store was asked all the same")
			}
		case http.StatusOK:
			q := store.query
			if q.Limit < 1 || q.Limit > app.MaxLimit || len(q.Services) > 100 || !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
				t.Errorf("asks %+v", q)
			}
			for _, level := range q.Levels {
				if level < app.LevelTrace || level > app.LevelFatal {
					t.Errorf("asks for %s", level)
				}
			}
		default:
			t.Errorf("status %d", status(rawQuery))
		}
	})
}
