package query_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
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

	limit int
	query app.Query
}

func (f *fakeStore) Newest(_ context.Context, limit int) ([]json.RawMessage, app.RecentSource, error) {
	f.limit = limit
	return f.newest[:min(limit, len(f.newest))], f.source, f.err
}

func (f *fakeStore) Logs(ctx context.Context, q app.Query) (app.Page, error) {
	f.query = q
	if f.slow {
		<-ctx.Done()
		return app.Page{}, ctx.Err()
	}
	return f.page, f.err
}

func newGateway(t *testing.T, store *fakeStore) *echo.Echo {
	t.Helper()
	e := server.New(server.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := query.Mount(e, query.Config{Recent: store, Reader: store, Timeout: 10 * time.Second}); err != nil {
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
