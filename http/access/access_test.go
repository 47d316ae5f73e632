package access_test

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/http/access"
	"millrace/http/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a guarded server, and a key for each scope by its name.
type world struct {
	e    *echo.Echo
	log  bytes.Buffer
	keys map[string]string
	ring *app.Keyring

	refused map[string]int // by reason
}

func newWorld(t *testing.T, change func(*access.Config)) *world {
	t.Helper()
	w := &world{keys: map[string]string{"none": ""}, refused: map[string]int{}}
	var all []app.Key
	for name, key := range map[string]app.Key{
		"ingest":  {Scopes: []app.Scope{app.ScopeIngest}},
		"read":    {Scopes: []app.Scope{app.ScopeRead}, Expires: time.Now().Add(time.Hour)},
		"admin":   {Scopes: []app.Scope{app.ScopeAdmin}},
		"expired": {Scopes: []app.Scope{app.ScopeAdmin}, Expires: time.Now().Add(-time.Second)},
	} {
		key.Name = name
		made, text := app.NewKey(key, time.Now().Add(-time.Hour))
		all, w.keys[name] = append(all, made), text
	}
	_, w.keys["stranger"] = app.NewKey(app.Key{Name: "x", Scopes: []app.Scope{app.ScopeAdmin}}, time.Now())
	var err error
	if w.ring, err = app.NewKeyring(all...); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(&w.log, nil))
	cfg := access.Config{Keys: func() *app.Keyring { return w.ring }, Logger: logger, Refused: func(reason string) { w.refused[reason]++ }}
	if change != nil {
		change(&cfg)
	}
	guard, err := access.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.e = server.New(server.Config{Logger: logger})
	w.e.Use(guard.Middleware()...)
	guard.MountLogin(w.e)
	fine := func(c echo.Context) error { return c.String(http.StatusOK, "fine") }
	for _, route := range []string{"GET /api/logs", "POST /api/logs", "POST /v1/logs", "GET /api/logs/:id", "PUT /api/rate", "GET /api/rate",
		"POST /api/ledger/verify", "GET /metrics", "GET /actuator/health/:name", "GET /actuator/metrics/:name", "GET /open", "DELETE /later"} {
		method, path, _ := strings.Cut(route, " ")
		w.e.Add(method, path, fine)
	}
	return w
}

func (w *world) ask(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	w.e.ServeHTTP(answer, r)
	return answer
}

func TestWhoMayDoWhat(t *testing.T) {
	w := newWorld(t, func(c *access.Config) { c.Open = []string{"/open"} })
	for route, want := range map[string]map[string]int{
		"GET /actuator/health/db": {"none": 200, "stranger": 200},
		"GET /open":               {"none": 200},
		"GET /api/logs":           {"none": 401, "stranger": 401, "expired": 401, "ingest": 403, "read": 200, "admin": 200},
		"GET /api/logs/7-1":       {"none": 401, "ingest": 403, "read": 200},
		"POST /api/logs":          {"none": 401, "ingest": 200, "read": 403, "admin": 200},
		"POST /v1/logs":           {"none": 401, "ingest": 200, "read": 403, "admin": 200},
		"GET /api/rate":           {"none": 401, "read": 200},
		"PUT /api/rate":           {"none": 401, "ingest": 403, "read": 403, "admin": 200},
		"POST /api/ledger/verify": {"none": 401, "read": 403, "admin": 200},
		"GET /metrics":            {"none": 401, "ingest": 403, "read": 200},
		"GET /actuator/metrics/x": {"none": 401, "read": 200},
		"DELETE /later":           {"none": 401, "read": 403, "admin": 200},
		"GET /nowhere":            {"none": 401, "read": 404},
		"OPTIONS /api/rate":       {"none": 401, "ingest": 403, "read": 204},
	} {
		method, path, _ := strings.Cut(route, " ")
		for key, status := range want {
			header := []string{}
			if w.keys[key] != "" {
				header = []string{"Authorization", "Bearer " + w.keys[key]}
			}
			answer := w.ask(method, path, header...)
			if answer.Code != status {
				t.Errorf("%s with the key %s: %d, want %d: %s", route, key, answer.Code, status, answer.Body)
			}
			if status >= 400 && status != 404 && !strings.Contains(answer.Body.String(), `"request_id"`) {
				t.Errorf("%s with the key %s: no problem document: %s", route, key, answer.Body)
			}
			if (status == 401) != (answer.Header().Get("WWW-Authenticate") != "") {
				t.Errorf("%s: challenged with %q", route, answer.Header().Values("WWW-Authenticate"))
			}
			if answer.Header().Get("X-Request-Id") == "" || answer.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: headers %v", route, answer.Header())
			}
		}
	}
}

// Who is not let in is counted, by why; a key of no use at a login is as well.
func TestRefusalsAreCounted(t *testing.T) {
	w := newWorld(t, func(c *access.Config) { c.Rate, c.Burst = 0.001, 2 })
	bearer := func(name string) []string { return []string{"Authorization", "Bearer " + w.keys[name]} }
	w.ask("GET", "/api/logs")
	w.ask("GET", "/api/logs", bearer("stranger")...)
	w.ask("GET", "/api/logs", bearer("ingest")...)
	for range 3 {
		w.ask("GET", "/api/logs", bearer("read")...)
	}
	w.ask("POST", "/api/logs", "Sec-Fetch-Site", "cross-site")
	want := map[string]int{"no_key": 1, "bad_key": 1, "scope": 1, "rate": 1, "other_site": 1}
	if !maps.Equal(w.refused, want) {
		t.Errorf("counted %v, want %v", w.refused, want)
	}
	for reason := range w.refused {
		if !slices.Contains(access.Reasons(), reason) {
			t.Errorf("%s is none of the reasons", reason)
		}
	}
	w = newWorld(t, nil)
	login := httptest.NewRequest("POST", "/api/login", strings.NewReader(`{"key":"mr_x"}`))
	w.e.ServeHTTP(httptest.NewRecorder(), login)
	if w.refused["bad_key"] != 1 {
		t.Errorf("a login with a key that is none: %v", w.refused)
	}
}

func TestHowAKeyIsShown(t *testing.T) {
	w := newWorld(t, nil)
	basic := func(user, password string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	for name, tc := range map[string]struct {
		header, value string
		status        int
	}{
		"bearer":          {"Authorization", "bearer  " + w.keys["read"], 200},
		"basic":           {"Authorization", basic("anyone", w.keys["read"]), 200},
		"basic as user":   {"Authorization", basic(w.keys["read"], ""), 401},
		"cookie":          {"Cookie", "a=b; millrace_key=" + w.keys["read"], 200},
		"another scheme":  {"Authorization", "Digest " + w.keys["read"], 401},
		"another header":  {"X-Api-Key", w.keys["read"], 401},
		"in two":          {"Authorization", "Bearer " + w.keys["read"] + " x", 401},
		"a broken cookie": {"Cookie", "millrace_key", 401},
	} {
		if got := w.ask("GET", "/api/logs", tc.header, tc.value); got.Code != tc.status {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
	if got := w.ask("GET", "/api/logs", "Sec-Fetch-Mode", "cors").Header().Values("WWW-Authenticate"); len(got) != 1 || !strings.HasPrefix(got[0], "Bearer") {
		t.Errorf("a page's script is challenged with %q", got)
	}
}

func TestWithoutKeysEveryoneIsLetIn(t *testing.T) {
	w := newWorld(t, func(c *access.Config) { c.Keys = func() *app.Keyring { return nil } })
	for _, route := range []string{"GET /api/logs", "PUT /api/rate", "POST /v1/logs"} {
		method, path, _ := strings.Cut(route, " ")
		if got := w.ask(method, path); got.Code != 200 {
			t.Errorf("%s: %d", route, got.Code)
		}
	}
	if got := w.ask("GET", "/api/login"); got.Code != 200 || strings.TrimSpace(got.Body.String()) != `{"access":"off"}` {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// A site that someone looks at must not reach through their browser, even where
// no keys are asked for.
func TestOtherSitesSendNothing(t *testing.T) {
	for _, origins := range [][]string{nil, {"https://friend.example"}} {
		w := newWorld(t, func(c *access.Config) { c.Keys, c.Origins = func() *app.Keyring { return nil }, origins })
		for name, tc := range map[string]struct {
			header []string
			status int
		}{
			"a program":       {nil, 200},
			"our own page":    {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, 200},
			"another site":    {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
			"an old browser":  {[]string{"Origin", "https://evil.example"}, 403},
			"a friend's site": {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://friend.example"}, map[bool]int{true: 200, false: 403}[len(origins) > 0]},
		} {
			got := w.ask("POST", "/api/logs", tc.header...)
			if got.Code != tc.status {
				t.Errorf("%s, origins %v: %d %s", name, origins, got.Code, got.Body)
			}
			allowed := got.Header().Get("Access-Control-Allow-Origin")
			if (name == "a friend's site" && len(origins) > 0) != (allowed == "https://friend.example") || allowed == "*" {
				t.Errorf("%s, origins %v: may be read by %q", name, origins, allowed)
			}
		}
	}
	w := newWorld(t, func(c *access.Config) { c.Origins = []string{"https://friend.example"} })
	preflight := w.ask("OPTIONS", "/api/logs", "Origin", "https://friend.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,cache-control")
	if allowed := preflight.Header().Get("Access-Control-Allow-Headers"); preflight.Code != http.StatusNoContent || !strings.Contains(allowed, "Authorization") || !strings.Contains(allowed, "Cache-Control") {
		t.Errorf("a preflight: %d %v", preflight.Code, preflight.Header())
	}
}

func TestTheCookieOfALogin(t *testing.T) {
	w := newWorld(t, nil)
	login := func(contentType, body string) *http.Response {
		r := httptest.NewRequest("POST", "/api/login", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		answer := httptest.NewRecorder()
		w.e.ServeHTTP(answer, r)
		return answer.Result()
	}
	answer := login("application/json", `{"key":"`+w.keys["read"]+`"}`)
	body, _ := io.ReadAll(answer.Body)
	cookies := answer.Cookies()
	if answer.StatusCode != 200 || len(cookies) != 1 || strings.Contains(string(body), w.keys["read"]) {
		t.Fatalf("%d %v %s", answer.StatusCode, cookies, body)
	}
	cookie := cookies[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.MaxAge < 3500 || cookie.MaxAge > 3600 || cookie.Secure {
		t.Errorf("cookie %v", cookie)
	}
	if got := w.ask("GET", "/api/login", "Cookie", cookie.String()); got.Code != 200 || !strings.Contains(got.Body.String(), `"name":"read"`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := login("application/x-www-form-urlencoded", "key="+w.keys["admin"]); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/" || len(got.Cookies()) != 1 {
		t.Errorf("a form: %d %v", got.StatusCode, got.Header)
	}
	for body, status := range map[string]int{`{"key":"` + w.keys["stranger"] + `"}`: 401, `{}`: 401, `{`: 400, `{"key":"` + strings.Repeat("x", 5000) + `"}`: 400} {
		if got := login("application/json", body); got.StatusCode != status || len(got.Cookies()) != 0 {
			t.Errorf("%.20s: %d", body, got.StatusCode)
		}
	}
	if got := w.ask("DELETE", "/api/login").Result(); got.StatusCode != http.StatusNoContent || got.Cookies()[0].MaxAge >= 0 {
		t.Errorf("%d %v", got.StatusCode, got.Cookies())
	}
}

func TestWhoAsksTooOftenIsToldWhenToComeBack(t *testing.T) {
	w := newWorld(t, func(c *access.Config) { c.Rate, c.Burst = 0.1, 3 })
	as := func(key string) *httptest.ResponseRecorder {
		return w.ask("GET", "/api/logs", "Authorization", "Bearer "+w.keys[key])
	}
	for _, key := range []string{"read", "admin", "stranger"} { // the stranger by its address
		for range 3 {
			if got := as(key); got.Code == 429 {
				t.Fatalf("%s: %s", key, got.Body)
			}
		}
		got := as(key)
		pause, _ := strconv.Atoi(got.Header().Get("Retry-After"))
		if got.Code != 429 || pause < 1 || pause > 10 || !strings.Contains(got.Body.String(), "urn:millrace:problem:too-many-requests") {
			t.Errorf("%s: %d, come back after %d: %s", key, got.Code, pause, got.Body)
		}
	}
	if got := w.ask("GET", "/api/logs"); got.Code != 429 {
		t.Errorf("the same address without a key: %d", got.Code)
	}
	if got := w.ask("GET", "/actuator/health/x"); got.Code != 200 {
		t.Errorf("a probe: %d", got.Code)
	}
}

func TestAdministratorsLeaveALine(t *testing.T) {
	w := newWorld(t, nil)
	w.ask("PUT", "/api/rate", "Authorization", "Bearer "+w.keys["admin"], "X-Request-Id", "r-1")
	line := w.log.String()
	id := w.keys["admin"][3:13]
	for _, want := range []string{"audit: done", "key=" + id, "name=admin", "path=/api/rate", "method=PUT", "request_id=r-1", "from=192.0.2.1"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is missing in %s", want, line)
		}
	}
	w.log.Reset()
	w.ask("PUT", "/api/rate", "Authorization", "Bearer "+w.keys["read"])
	if !strings.Contains(w.log.String(), "refused") {
		t.Errorf("a key that may not: %s", w.log.String())
	}
	w.log.Reset()
	w.ask("GET", "/api/logs", "Authorization", "Bearer "+w.keys["read"])
	w.ask("PUT", "/api/rate")
	w.ask("PUT", "/nowhere", "Authorization", "Bearer "+w.keys["admin"])
	w.ask("OPTIONS", "/api/rate", "Authorization", "Bearer "+w.keys["admin"]) // which methods there are: it changes nothing
	if w.log.Len() > 0 {
		t.Errorf("logged: %s", w.log.String())
	}
	if strings.Contains(line, w.keys["admin"]) {
		t.Error("the key itself is in the log")
	}
}
