package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/otlp"
	"millrace/http/openapi"
	"millrace/http/query"
	"millrace/http/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore answers whatever it is told to, and remembers what it was asked.
type fakeStore struct {
	newest []json.RawMessage
	source app.RecentSource
	page   app.Page
	err    error
	slow   bool

	logs      []app.Log // of Walk and Context
	broken    error     // ends a Walk after its logs
	histogram app.HistogramQuery
	facets    app.FacetQuery
	stats     app.StatsQuery
	context   app.ContextQuery

	limit int
	query app.Query
}

func (f *fakeStore) Newest(_ context.Context, limit int) (app.RecentAnswer, error) {
	f.limit = limit
	array := []byte{'['}
	for i, log := range f.newest[:min(limit, len(f.newest))] {
		if i > 0 {
			array = append(array, ',')
		}
		array = append(array, log...)
	}
	return app.RecentAnswer{Array: append(array, ']'), Tag: "tag", Source: f.source}, f.err
}

func (f *fakeStore) Logs(ctx context.Context, q app.Query) (app.Page, error) {
	f.query = q
	if f.slow {
		<-ctx.Done()
		return app.Page{}, ctx.Err()
	}
	return f.page, f.err
}

func (f *fakeStore) Log(_ context.Context, id app.LogID) (app.Log, error) {
	if len(f.logs) == 0 {
		return app.Log{}, app.Errorf(app.KindNotFound, "no log %s", id)
	}
	return f.logs[0], f.err
}

func (f *fakeStore) Context(_ context.Context, q app.ContextQuery) (app.LogContext, error) {
	f.context = q
	return app.LogContext{Before: f.logs, Log: f.logs[0]}, f.err
}

func (f *fakeStore) Find(_ context.Context, live app.LiveID) (app.LogID, error) {
	if len(f.logs) == 0 || live.Batch != f.logs[0].BatchID {
		return 0, app.Errorf(app.KindNotFound, "no log %s", live)
	}
	return app.NewLogID(f.logs[0].ID.Batch(), live.Place), nil
}

func (f *fakeStore) Histogram(_ context.Context, q app.HistogramQuery) (app.Histogram, error) {
	f.histogram = q
	return app.Histogram{From: q.From, To: q.To, Step: int64(q.Step / time.Second), By: q.By, Values: []string{}, Buckets: []app.Bucket{}}, f.err
}

func (f *fakeStore) Facets(_ context.Context, q app.FacetQuery) (app.Facets, error) {
	f.facets = q
	return app.Facets{Facets: []app.Facet{}}, f.err
}

func (f *fakeStore) Stats(_ context.Context, q app.StatsQuery) (app.Stats, error) {
	f.stats = q
	return app.Stats{Groups: []app.Group{}}, f.err
}

func (f *fakeStore) Walk(_ context.Context, q app.Query, visit func(*app.Log) error) error {
	f.query = q
	for i := range f.logs {
		if err := visit(&f.logs[i]); err != nil {
			return err
		}
	}
	return errors.Join(f.err, f.broken)
}

// readDocument reads the document once: it takes longer than most tests.
var readDocument = sync.OnceValues(openapi.Read)

// config is what the endpoints need, all of it from one store.
func config(t testing.TB, store *fakeStore) query.Config {
	t.Helper()
	document, err := readDocument()
	if err != nil {
		t.Fatal(err)
	}
	return query.Config{
		Document: document, Recent: store, Reader: store, Finder: store, Counter: store, Walker: store,
		EncodeOTLP: otlp.EncodeJSON, Timeout: 10 * time.Second,
	}
}

func newGateway(t testing.TB, store *fakeStore) *echo.Echo {
	t.Helper()
	return mount(t, config(t, store))
}

func mount(t testing.TB, cfg query.Config) *echo.Echo {
	t.Helper()
	e := server.New(server.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := query.Mount(e, cfg); err != nil {
		t.Fatal(err)
	}
	return e
}

func get(e *echo.Echo, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
	return w
}

func serveURL(e *echo.Echo, u *url.URL) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL = u
	e.ServeHTTP(w, r)
	return w
}
