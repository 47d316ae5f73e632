package openapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"millrace/http/openapi"
)

// readDocument reads the document once: it takes longer than most tests.
var readDocument = sync.OnceValues(openapi.Read)

func mounted(t *testing.T) (*openapi.Document, *echo.Echo) {
	t.Helper()
	document, err := readDocument()
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
	if w := get(e, "/docs/"); w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "/docs" {
		t.Errorf("/docs/: %d %v", w.Code, w.Header())
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
	document, err := readDocument()
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

// A form sends also what was left empty, which the API refuses.
func TestTheFormsOfThePageLeadToTheAPI(t *testing.T) {
	document, e := mounted(t)
	page := get(e, "/docs").Body.String()
	for _, op := range document.Operations() {
		form := strings.Contains(page, `action="/docs/try/`+op.ID+`"`)
		w := get(e, "/docs/try/"+op.ID+"?limit=&text=a&text=&text=b%26&from=")
		if form != (w.Code == http.StatusSeeOther) || form && w.Header().Get("Location") != op.Path+"?text=a&text=b%26" {
			t.Errorf("%s: form %t, %d %s", op.ID, form, w.Code, w.Header().Get("Location"))
		}
	}
	if w := get(e, "/docs/try/logStats?by="); w.Header().Get("Location") != "/api/logs/stats" {
		t.Errorf("with nothing: %s", w.Header().Get("Location"))
	}
	if w := get(e, "/docs/try/none"); w.Code != http.StatusNotFound {
		t.Errorf("no operation: %d", w.Code)
	}
}

// Every parameter that may be given is refused when it is empty.
func TestAnEmptyParameterIsRefused(t *testing.T) {
	document, _ := mounted(t)
	for _, op := range document.Operations() {
		for _, name := range op.Names() {
			name = strings.Replace(name, "attr.NAME", "attr.a", 1)
			status, said := refusedFor(t, op.ID, url.QueryEscape(name)+"=")
			if status != http.StatusBadRequest || !strings.Contains(said, name+" is empty") || strings.Contains(said, name+" is missing") {
				t.Errorf("%s?%s=: %d %s", op.ID, name, status, said)
			}
		}
	}
}

// refusedFor returns the status of a request that is checked, and why it is refused.
func refusedFor(t *testing.T, operation, rawQuery string) (status int, said string) {
	t.Helper()
	document, err := readDocument()
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(http.StatusBadRequest, err.Error()) }
	e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusOK) }, document.Check(operation, nil))
	w := get(e, "/?"+rawQuery)
	return w.Code, w.Body.String()
}

// What a query string makes of a comparison is a strange name; it must not be
// answered with no logs, or with all of them.
func TestWhatIsWrongIsSaid(t *testing.T) {
	for query, want := range map[string]string{
		"attr.http.status>=500":         "attr.http.status> compares: there are only attr.NAME=VALUE and, to exclude, attr.NAME!=VALUE",
		"attr.http.status%3E=500":       "compares",
		"attr.a<=1":                     "compares",
		"attr.a>500":                    "compares",
		"attr.a<b=1":                    "", // such a name may be
		"attr.a=>1":                     "",
		"attr.a!=1":                     "",
		"trace_id=x":                    "want something like 4bf92f35",
		"from=0001-01-01T00:00:00Z":     "want a time in the years 1970 to 2261",
		"from=9999-01-01T00:00:00Z":     "want a time in the years 1970 to 2261",
		"from=9223372036854775807":      "want a time in the years 1970 to 2261",
		"from=-5000w":                   "want a time in the years 1970 to 2261",
		"from=yesterday":                "µs or ns since 1970, now, or",
		"from=2261-12-31T23:59:59Z":     "",
		"from=2026-01-31T12:00:00%2B01": "want a time as 2026",
	} {
		status, said := refusedFor(t, "searchLogs", query)
		if (status == http.StatusOK) != (want == "") || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s", query, status, said)
		}
	}
	for _, operation := range []string{"listBatches", "listQuarantine"} {
		for query, want := range map[string]int{"from=-15m": 200, "from=now": 200, "from=1769860800": 200, "from=soon": 400} {
			if status, said := refusedFor(t, operation, query); status != want {
				t.Errorf("%s?%s: %d %s", operation, query, status, said)
			}
		}
	}
}

// Every operation says how one is let in, and what is answered to who is not.
func TestTheDocumentHasTheRefusals(t *testing.T) {
	_, e := mounted(t)
	var doc struct {
		Security   []map[string][]string
		Paths      map[string]map[string]struct{ Responses map[string]any }
		Components struct{ SecuritySchemes map[string]any }
	}
	if err := json.Unmarshal(get(e, "/openapi.json").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, one := range doc.Security {
		for scheme := range one {
			if doc.Components.SecuritySchemes[scheme] == nil {
				t.Errorf("%s is no scheme", scheme)
			}
		}
	}
	if len(doc.Security) != 4 || len(doc.Components.SecuritySchemes) != 3 {
		t.Errorf("%v, %v", doc.Security, doc.Components.SecuritySchemes)
	}
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			for _, status := range []string{"401", "403", "429", "default"} {
				if operation.Responses[status] == nil {
					t.Errorf("%s %s has no %s", method, path, status)
				}
			}
		}
	}
}
