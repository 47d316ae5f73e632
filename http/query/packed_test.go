package query_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"millrace/app"
)

// sameLogs are always the newest.
type sameLogs []byte

func (s sameLogs) Newest(context.Context, int) ([]byte, app.RecentSource, error) {
	return s, app.FromCache, nil
}

// What is sent again and again is sent compressed to whoever takes it so.
func TestTheNewestLogsAreCompressedOnce(t *testing.T) {
	want := sameLogs(`[{"message":"` + strings.Repeat("m", 10_000) + `"}]`)
	cfg := config(t, &fakeStore{})
	cfg.Recent = want
	e := mount(t, cfg)
	for i, c := range []struct{ accept, encoding string }{
		{"gzip", ""}, // there may be no second
		{"gzip", "gzip"},
		{"br, zstd, gzip;q=0.5", "gzip"},
		{"", ""},
		{"gzip;q=0", ""},
	} {
		response := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodGet, "/api/query/recent", nil)
		request.Header.Set("Accept-Encoding", c.accept)
		e.ServeHTTP(response, request)
		if response.Code != http.StatusOK || response.Header().Get("Content-Encoding") != c.encoding || response.Header().Get("Vary") != "Accept-Encoding" {
			t.Fatalf("%d: %d, %v", i, response.Code, response.Header())
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
