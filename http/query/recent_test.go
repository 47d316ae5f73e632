package query_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/query"
)

// sameLogs are always the newest.
type sameLogs string

func (s sameLogs) Newest(context.Context, int) (app.RecentAnswer, error) {
	return app.RecentAnswer{Array: []byte(s), Packed: query.Pack([]byte(s)), Tag: "tag", Source: app.FromCache}, nil
}

// What answers vary with besides is for whoever else has said so, such as CORS.
func TestACompressedAnswerVariesAlsoWithWhatOthersSay(t *testing.T) {
	cfg := config(t, &fakeStore{})
	cfg.Recent = sameLogs("[]")
	e := mount(t, cfg)
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Add("Vary", "Origin")
			return next(c)
		}
	})
	for _, path := range []string{"/api/query/recent", "/api/logs/export"} {
		if vary := get(e, path).Header().Values("Vary"); !slices.Equal(vary, []string{"Origin", "Accept-Encoding"}) {
			t.Errorf("%s varies with %q", path, vary)
		}
	}
}

// The newest logs are sent compressed to whoever takes them so, and not at all to
// whoever has them.
func TestTheNewestLogsAreSentAsAsked(t *testing.T) {
	want := sameLogs(`[{"message":"` + strings.Repeat("m", 10_000) + `"}]`)
	cfg := config(t, &fakeStore{})
	cfg.Recent = want
	e := mount(t, cfg)
	for i, c := range []struct {
		accept, known string
		status        int
		encoding, tag string
	}{
		{"gzip", "", 200, "gzip", `"tag-gzip"`},
		{"br, zstd, GZIP;q=0.5", "", 200, "gzip", `"tag-gzip"`},
		{"*", "", 200, "gzip", `"tag-gzip"`},
		{"*, gzip;q=0", "", 200, "", `"tag"`},
		{"", "", 200, "", `"tag"`},
		{"gzip;q=0", "", 200, "", `"tag"`},
		{"", `"other", W/"tag"`, 304, "", `"tag"`},
		{"gzip", `"tag-gzip"`, 304, "", `"tag-gzip"`},
		{"gzip", `"tag"`, 200, "gzip", `"tag-gzip"`},
	} {
		response := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodGet, "/api/query/recent", nil)
		request.Header.Set("Accept-Encoding", c.accept)
		if c.known != "" {
			request.Header.Set("If-None-Match", c.known)
		}
		e.ServeHTTP(response, request)
		header := response.Header()
		if response.Code != c.status || header.Get("Content-Encoding") != c.encoding || header.Get("Vary") != "Accept-Encoding" || header.Get("ETag") != c.tag {
			t.Fatalf("%d: %d, %v", i, response.Code, header)
		}
		if c.status == http.StatusNotModified {
			if response.Body.Len() > 0 {
				t.Errorf("%d: it has a body", i)
			}
			continue
		}
		var body io.Reader = response.Body
		if c.encoding == "gzip" {
			unpacked, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = unpacked
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != string(want) {
			t.Errorf("%d: %.100s, %v", i, got, err)
		}
	}
}
