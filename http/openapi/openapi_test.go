package openapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"millrace/http/openapi"
)

func mounted(t *testing.T) (*openapi.Document, *echo.Echo) {
	t.Helper()
	document, err := openapi.Read()
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	if err := document.Mount(e); err != nil {
		t.Fatal(err)
	}
	return document, e
}

func get(e *echo.Echo, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestTheDocumentIsServedInThreeForms(t *testing.T) {
	document, e := mounted(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]any
	}
	if err := json.Unmarshal(get(e, "/openapi.json").Body.Bytes(), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.") || len(doc.Paths) < 10 {
		t.Errorf("%v, %+v", err, doc)
	}
	if w := get(e, "/openapi.yaml"); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "openapi: 3.") {
		t.Errorf("%d %.40s", w.Code, w.Body)
	}
	page := get(e, "/docs")
	for _, op := range document.Operations() {
		if !strings.Contains(page.Body.String(), "<code>"+op.Path+"</code>") || op.Summary == "" {
			t.Errorf("the page does not show %s %s", op.Method, op.Path)
		}
	}
	// It asks nobody else for anything, and runs nothing.
	if found := regexp.MustCompile(`(?i)<script|https?://|src=|@import|url\(`).FindString(page.Body.String()); found != "" {
		t.Errorf("the page has %q", found)
	}
	if policy := page.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("its policy is %q", policy)
	}
}

// Whatever the query string is, it is refused, or all that is left of it is what
// the document says.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"", "limit=10", "limit=010", "limit=-0", "service=a&service=%00", "attr.a=1&attr.=2", "field=host&field=host", "a;b", "%zz", "before=500&after=501"} {
		f.Add(seed)
	}
	document, err := openapi.Read()
	if err != nil {
		f.Fatal(err)
	}
	// One server for all: making one is more work than an input is.
	var values url.Values // of the request that was let pass; nil: of none
	e := echo.New()
	for _, op := range document.Operations() {
		e.GET("/"+op.ID, func(c echo.Context) error {
			values = openapi.Values(c.Request().Context())
			return nil
		}, document.Check(op.ID, nil))
	}
	f.Fuzz(func(t *testing.T, rawQuery string) {
		for _, op := range document.Operations() {
			r := httptest.NewRequest(http.MethodGet, "/"+op.ID, nil)
			r.URL.RawQuery = rawQuery
			w := httptest.NewRecorder()
			values = nil
			e.ServeHTTP(w, r)
			for name, given := range values {
				if len(given) == 0 || given[0] == "" {
					t.Errorf("%s: %s is there and empty", op.ID, name)
				}
			}
			if values != nil && w.Code != http.StatusOK {
				t.Errorf("%s: %d", op.ID, w.Code)
			}
		}
	})
}
