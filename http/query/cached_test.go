package query_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/app/redis/answertest"
)

// countingStore counts how often it is asked for a page.
type countingStore struct {
	*fakeStore
	asked atomic.Int64
	delay time.Duration
}

func (s *countingStore) Logs(ctx context.Context, q app.Query) (app.Page, error) {
	s.asked.Add(1)
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return app.Page{}, ctx.Err()
	}
	return s.page, nil
}

func newCachedGateway(t *testing.T, store *countingStore, kept app.AnswerStore) *echo.Echo {
	t.Helper()
	answers := app.NewAnswerCache(app.AnswerCacheConfig{Store: kept, Scope: "here", Changed: time.Now, Timeout: 10 * time.Second})
	t.Cleanup(func() { _ = answers.Close() })
	cfg := config(t, store.fakeStore)
	cfg.Recent, cfg.Reader, cfg.Finder, cfg.Counter, cfg.Walker, cfg.Answers = store, store, store, store, store, answers
	return mount(t, cfg)
}

func ask(e *echo.Echo, method, url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func somePage() app.Page {
	return app.Page{Logs: []app.Log{{ID: app.NewLogID(1, 1), Time: time.Unix(1, 0), Message: "kept"}}, Next: &app.Cursor{Time: time.Unix(1, 0), ID: 5}}
}

func TestAThousandEqualSearchesAreOneQuery(t *testing.T) {
	store := &countingStore{fakeStore: &fakeStore{page: somePage()}, delay: 100 * time.Millisecond}
	e := newCachedGateway(t, store, answertest.NewMemory())
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if w := ask(e, "GET", "/api/logs?service=shop&to=2020-01-01T00:00:00Z"); w.Code != 200 || !strings.Contains(w.Body.String(), "kept") || w.Header().Get("Link") == "" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if n := store.asked.Load(); n != 1 {
		t.Errorf("%d queries", n)
	}
}

func TestAnAnswerIsKnownByItsTag(t *testing.T) {
	store := &countingStore{fakeStore: &fakeStore{page: somePage()}}
	e := newCachedGateway(t, store, answertest.NewMemory())
	const url = "/api/logs?to=2020-01-01T00:00:00Z"
	first := ask(e, "GET", url)
	tag := first.Header().Get("ETag")
	if first.Code != 200 || tag == "" || first.Header().Get("X-Cache") != "miss" || first.Header().Get("Cache-Control") != "private, no-cache" {
		t.Fatalf("%d %v", first.Code, first.Header())
	}
	for _, have := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		w := ask(e, "GET", url, "If-None-Match", have)
		if w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != tag || w.Header().Get("X-Cache") != "hit" {
			t.Errorf("%s: %d %v %s", have, w.Code, w.Header(), w.Body)
		}
	}
	if w := ask(e, "GET", url, "If-None-Match", `"other"`); w.Code != 200 || w.Body.String() != first.Body.String() || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := ask(e, "HEAD", url); w.Code != 200 || w.Header().Get("ETag") != tag {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
	store.page.Logs[0].Message = "changed"
	if w := ask(e, "GET", url, "Cache-Control", "no-cache", "If-None-Match", tag); w.Code != 200 || w.Header().Get("ETag") == tag || w.Header().Get("X-Cache") != "miss" {
		t.Errorf("asked anew: %d %v", w.Code, w.Header())
	}
}

func TestOneQuestionHasOneKeyHoweverItIsWritten(t *testing.T) {
	for name, urls := range map[string][]string{
		"order":    {"/api/logs?service=a&service=b&host=h&to=1577836800", "/api/logs?host=h&to=2020-01-01T00:00:00Z&service=b&service=a", "/api/logs?service=b&service=a&service=a&host=h&to=1577836800000&limit=100&order=newest"},
		"levels":   {"/api/logs?level=WARN,error&to=1577836800", "/api/logs?level=ERR&level=warning&to=1577836800"},
		"texts":    {"/api/logs?q=x&to=1577836800", "/api/logs?text=x&to=1577836800"},
		"traces":   {"/api/logs?to=1577836800&trace_id=0123456789ABCDEF0123456789abcdef", "/api/logs?to=1577836800&trace_id=0123456789abcdef0123456789abcdef"},
		"zones":    {"/api/logs?to=2020-01-01T01:00:00%2B01:00", "/api/logs?to=2020-01-01T00:00:00Z"},
		"relative": {"/api/logs?from=-1h", "/api/logs?from=now-1h"},
	} {
		store := &countingStore{fakeStore: &fakeStore{page: somePage()}}
		e := newCachedGateway(t, store, answertest.NewMemory())
		for _, url := range urls {
			if w := ask(e, "GET", url); w.Code != 200 {
				t.Fatalf("%s: %d %s", url, w.Code, w.Body)
			}
		}
		if n := store.asked.Load(); n != 1 {
			t.Errorf("%s: %d queries for one question", name, n)
		}
	}
	store := &countingStore{fakeStore: &fakeStore{page: somePage()}}
	e := newCachedGateway(t, store, answertest.NewMemory())
	different := []string{"", "?limit=99", "?order=oldest", "?service=a", "?service!=a", "?host=a", "?text=a", "?text=A", "?regex=a", "?level=WARN", "?level!=WARN", "?min_level=WARN",
		"?to=1577836800", "?from=1577836800", "?attr.a=1", "?attr.b=1", "?attr.a=2", "?attr.a!=1", "?from=-1h", "?from=-2h"}
	for _, url := range different {
		if w := ask(e, "GET", "/api/logs"+url); w.Code != 200 {
			t.Fatalf("%s: %d %s", url, w.Code, w.Body)
		}
	}
	if n := store.asked.Load(); n != int64(len(different)) {
		t.Errorf("%d queries for %d questions", n, len(different))
	}
}

// lateAnswers has an answer worked out while its request, answered with another,
// ends.
type lateAnswers struct{ late sync.WaitGroup }

func (l *lateAnswers) Answer(ctx context.Context, _ app.Question, compute func(context.Context) (app.Answer, error)) (app.Answer, app.RecentSource, error) {
	ctx = context.WithoutCancel(ctx)
	l.late.Go(func() { _, _ = compute(ctx) })
	return app.Answer{Tag: "old", Header: map[string][]string{"Content-Type": {"application/json"}}}, app.FromCacheStale, nil
}

// What works an answer out while an old one is given outlives its request, whose
// context Echo gives to the next. The race detector sees whoever uses it still.
func TestAnAnswerIsWorkedOutWhenItsRequestIsOver(t *testing.T) {
	store := &countingStore{fakeStore: &fakeStore{page: somePage()}}
	cfg := config(t, store.fakeStore)
	late := &lateAnswers{}
	cfg.Reader, cfg.Answers, cfg.MaxSearches = store, late, 1000
	e := mount(t, cfg)
	for range 200 {
		if w := ask(e, "GET", "/api/logs"); w.Code != 200 || w.Header().Get("X-Cache") != "stale" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
	}
	late.late.Wait()
	if n := store.asked.Load(); n != 200 {
		t.Errorf("%d queries", n)
	}
}

// A Redis that goes away in between costs nobody an answer.
func TestWithoutTheStoreOfAnswersAllAreRight(t *testing.T) {
	store := &countingStore{fakeStore: &fakeStore{page: somePage()}}
	kept := answertest.NewMemory()
	e := newCachedGateway(t, store, kept)
	for _, want := range []string{"miss", "hit"} {
		if w := ask(e, "GET", "/api/logs"); w.Code != 200 || w.Header().Get("X-Cache") != want {
			t.Errorf("%d %s", w.Code, w.Header().Get("X-Cache"))
		}
	}
	kept.Fail(app.Errorf(app.KindUnavailable, "away"))
	if w := ask(e, "GET", "/api/logs?limit=7"); w.Code != 200 || w.Header().Get("X-Cache") != "bypass" || !strings.Contains(w.Body.String(), "kept") || w.Header().Get("ETag") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	kept.Fail(nil)
	if w := ask(e, "GET", "/api/logs"); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	if w := ask(e, "GET", "/api/logs?limit=0"); w.Code != 400 {
		t.Errorf("a wrong question: %d", w.Code)
	}
}
