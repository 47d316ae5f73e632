package ui_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/http/ui"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api answers by path, and notes what it was asked.
type api struct {
	answers map[string]string // an answer that begins with a digit is a status and a problem
	asked   map[string]url.Values
	order   []string // of the paths that were asked for
	header  http.Header
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked[r.Method+" "+r.URL.Path], a.header = r.URL.Query(), r.Header
	a.order = append(a.order, r.URL.Path)
	answer, ok := a.answers[r.URL.Path]
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case answer[0] >= '0' && answer[0] <= '9':
		var document struct{ Status int }
		_ = json.Unmarshal([]byte(answer[1:]), &document)
		w.WriteHeader(document.Status)
		_, _ = io.WriteString(w, answer[1:])
	default:
		if strings.HasPrefix(answer, "event:") {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = io.WriteString(w, answer)
	}
}

func newPages(t *testing.T, answers map[string]string) (*echo.Echo, *api) {
	t.Helper()
	fake := &api{answers: answers, asked: map[string]url.Values{}}
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		t.Error(err)
		_ = c.NoContent(http.StatusInternalServerError)
	}
	if err := ui.Mount(e, ui.Config{API: onlyAPI{fake}, Roles: roles{}}); err != nil {
		t.Fatal(err)
	}
	return e, fake
}

// roles are a shipper with a full journal, and a consumer that is away.
type roles struct{}

func (roles) Metrics(context.Context) []app.RoleMetrics {
	at := time.Unix(1000, 0)
	metric := func(name string, value float64, labels ...string) app.Metric {
		m := app.Metric{Name: name, Value: value, Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			m.Labels[labels[i]] = labels[i+1]
		}
		return m
	}
	return []app.RoleMetrics{
		{Role: "consumer", URL: "http://c", At: at, Error: "connection refused"},
		{Role: "shipper", URL: "http://s", At: at, Metrics: []app.Metric{
			metric("process_start_time_seconds", 990), metric("logs_received_total", 500, "format", "json"),
			metric("journal_bytes", 95), metric("journal_limit_bytes", 100), metric("kafka_breaker_state", 1, "state", "open"),
			metric("batch_size_logs_bucket", 3, "le", "1"), metric("batch_size_logs_bucket", 9, "le", "5"),
		}},
	}
}

// onlyAPI hides the requests that are made side by side from each other.
type onlyAPI struct{ *api }

var one = make(chan struct{}, 1)

func (a onlyAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one <- struct{}{}
	defer func() { <-one }()
	a.api.ServeHTTP(w, r)
}

func get(e *echo.Echo, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Cookie", "millrace_key=mr_x")
	e.ServeHTTP(w, r)
	return w
}

const hostile = `{"logs":[{"id":"1-2","timestamp":"2026-01-02T03:04:05.678901234Z","level":"ERROR","service":"a\"><img src=x>","host":"h'",
	"message":"<script>alert(1)</script>\u001b[31mred\u001b[0m \u202e http://evil","attributes":{"<b>":"<i>","n":{"x":42},"javascript:":"javascript:alert(1)"},
	"batch_id":"s-1"}],"next":"CURSOR","prev":null}`

func TestLogTextIsNeverMarkup(t *testing.T) {
	e, fake := newPages(t, map[string]string{"/api/logs": hostile})
	w := get(e, "/?service=a%22%3E%3Cimg+src=x%3E&from=-15m")
	body := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, body)
	}
	for _, never := range []string{"<script>alert", "<img src=x>", "\u202e", "\x1b", "<b>", "<i>"} {
		if strings.Contains(strings.ReplaceAll(body, "<i></i>", ""), never) && never != "<b>" {
			t.Errorf("the page has %q", never)
		}
	}
	for _, href := range regexp.MustCompile(`(?:href|src|action)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if !strings.HasPrefix(href[1], "/") && !strings.HasPrefix(href[1], "#") {
			t.Errorf("the page leads to %q", href[1])
		}
	}
	for _, want := range []string{`<span class="ansi-red">red</span>`, `<span class="control">‹U&#43;202E›</span>`, "&lt;script&gt;alert(1)", "attr.n.x=42", `cursor=CURSOR`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := fake.asked["GET /api/logs"]; got.Get("service") != `a"><img src=x>` || got.Get("from") != "-15m" {
		t.Errorf("asked %v", got)
	}
	if fake.header.Get("Cookie") == "" {
		t.Error("the API was not shown the cookie")
	}
}

func TestAPageMayDoNothingButShow(t *testing.T) {
	e, _ := newPages(t, map[string]string{"/api/logs": hostile})
	w := get(e, "/")
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "private, no-store",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	for _, inline := range []string{"style=", "onclick", "<style", "javascript:;"} {
		if strings.Contains(w.Body.String(), inline) {
			t.Errorf("the page has %q", inline)
		}
	}
}

func TestWhatIsTypedBecomesAnAddress(t *testing.T) {
	e, _ := newPages(t, nil)
	for typed, want := range map[string]string{
		"timeout":                      "text=timeout",
		`"connection refused" x`:       "text=connection refused&text=x",
		"service:checkout -healthz":    "service=checkout&text!=healthz",
		"-level:debug level>=warn":     "level!=debug&min_level=warn",
		"service!=a host=b":            "service!=a&host=b",
		`attr.user:42 -attr.a.b:"x y"`: "attr.user=42&attr.a.b!=x y",
		`/a b\/c/ -/x/`:                "regex=a b/c&regex!=x",
		"trace:0af7":                   "trace_id=0af7",
		"http://x/ a=b error: /not":    "text=http://x/&text=a=b&text=error:&text=/not",
		"service: -":                   "text=service:&text=-",
		`say \"hi\" "a \"b\" \\"`:      `text=say&text=\"hi\"&text=a "b" \`,
		"":                             "",
	} {
		w := get(e, "/?from=-1h&find="+url.QueryEscape(typed))
		if w.Code != http.StatusSeeOther {
			t.Fatalf("%q: %d", typed, w.Code)
		}
		to, _ := url.Parse(w.Header().Get("Location"))
		got := to.Query()
		wanted := url.Values{"from": {"-1h"}}
		for _, pair := range strings.Split(want, "&") {
			name, value, ok := strings.Cut(pair, "=")
			if strings.HasSuffix(name, "!") && strings.Contains(pair, "!=") {
				name, value, _ = strings.Cut(pair, "!=")
				name += "!"
			}
			if ok {
				wanted.Add(name, value)
			}
		}
		if got.Encode() != wanted.Encode() {
			t.Errorf("%q: got %s, want %s", typed, got.Encode(), wanted.Encode())
		}
	}
}

func TestAFieldForATimeIsUTC(t *testing.T) {
	e, _ := newPages(t, nil)
	w := get(e, "/?service=a&from=-1h&start=2026-01-02T03:04&end=2026-01-02T03:05:06")
	want := "/?" + url.Values{"service": {"a"}, "from": {"2026-01-02T03:04:00Z"}, "to": {"2026-01-02T03:05:06Z"}}.Encode()
	if got := w.Header().Get("Location"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTroubleIsASentence(t *testing.T) {
	problem := `{"status":400,"title":"x","detail":"2 things","errors":[{"field":"level","detail":"level is \"loud\": want TRACE"},{"detail":"and so on."}]}`
	e, _ := newPages(t, map[string]string{"/api/logs": "4" + problem})
	w := get(e, "/?level=loud")
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "Level is &#34;loud&#34;: want TRACE.") || !strings.Contains(w.Body.String(), "And so on.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhoIsNotKnownLogsInFirst(t *testing.T) {
	e, _ := newPages(t, map[string]string{"/api/logs": `4{"status":401,"detail":"no key"}`})
	w := get(e, "/?service=a")
	if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != "/login?next="+url.QueryEscape("/?service=a") {
		t.Errorf("%d %s", w.Code, got)
	}
}

func TestAnEmptyAnswerSaysWhatToDo(t *testing.T) {
	e, _ := newPages(t, map[string]string{"/api/logs": `{"logs":[],"next":null,"prev":null}`})
	body := get(e, "/?service=a").Body.String()
	if !strings.Contains(body, "No logs match") || !strings.Contains(body, "Look further back") || !strings.Contains(body, "clear the filters") {
		t.Error(body)
	}
}

func TestRowsForTheScript(t *testing.T) {
	e, _ := newPages(t, map[string]string{"/api/logs": hostile})
	var got struct {
		Rows []struct {
			Grade   string
			Message []struct{ T, C string }
		}
		More string
	}
	w := get(e, "/ui/rows?service=a")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Rows) != 1 || got.Rows[0].Grade != "error" || len(got.Rows[0].Message) < 4 || !strings.Contains(got.More, "CURSOR") {
		t.Errorf("%s %v", w.Body, err)
	}
}

func TestLiveLogsAreShownLogs(t *testing.T) {
	e, fake := newPages(t, map[string]string{"/api/logs/tail": "event: log\nid: 0:7\ndata: {\"id\":\"1-2\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"level\":\"WARN\",\"message\":\"\\u001b[1mx\"}\n\n: beat\n\nevent: missed\ndata: 5\n\n"})
	body := get(e, "/ui/tail?service=a").Body.String()
	for _, want := range []string{"event: log\nid: 0:7\ndata: {\"id\":\"1-2\"", `"message":[{"t":"x","c":"ansi-bold"}]`, ": beat\n", "event: missed\ndata: 5\n\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q lacks %q", body, want)
		}
	}
	if fake.asked["GET /api/logs/tail"].Get("service") != "a" {
		t.Error("the filter is lost")
	}
	fake.answers["/api/logs/tail"] = `4{"status":429,"detail":"too many tails"}`
	if body := get(e, "/ui/tail").Body.String(); body != "event: refused\ndata: \"Too many tails.\"\n\n" {
		t.Errorf("%q", body)
	}
}

func TestContextOfALog(t *testing.T) {
	log := `{"id":"1-2","timestamp":"2026-01-02T03:04:05Z","level":"INFO","service":"s","host":"h","message":"the one"}`
	e, fake := newPages(t, map[string]string{"/api/logs/1-2/context": `{"before":[],"log":` + log + `,"after":[` + log + `]}`})
	body := get(e, "/logs/1-2?service=a&around=50").Body.String()
	if strings.Count(body, "the one") < 3 || !strings.Contains(body, `href="/?service=a"`) {
		t.Error(body)
	}
	if got := fake.asked["GET /api/logs/1-2/context"]; got.Get("before") != "50" || got.Get("after") != "50" {
		t.Error(got)
	}
	if w := get(e, "/logs/9-9"); w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
}

func TestAssetsMayBeKept(t *testing.T) {
	e, _ := newPages(t, map[string]string{"/api/logs": hostile})
	found := regexp.MustCompile(`/ui/page\.css\?v=[0-9a-f]+`).FindString(get(e, "/").Body.String())
	w := get(e, found)
	if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%s: %d %v", found, w.Code, w.Header())
	}
}

func TestConfigIsChecked(t *testing.T) {
	if ui.Mount(echo.New(), ui.Config{}) == nil {
		t.Error("pages without an API are taken")
	}
}

func TestThePipelineShowsWhatIsAmiss(t *testing.T) {
	e, fake := newPages(t, map[string]string{
		"/api/ledger":  `{"whole":false,"shippers":[{"shipper":"s1","accepted":1000,"stored":990,"gaps":{"count":1,"logs":10,"first":[{"from":7,"to":16}]}}]}`,
		"/api/batches": `{"batches":[{"id":"s1-1","shipper":"s1","count":6,"state":"stored","sealed_at":"2026-01-02T03:04:05Z","shipped_at":"2026-01-02T03:04:05.02Z"}],"next":"N"}`,
	})
	body := get(e, "/pipeline").Body.String()
	for _, want := range []string{
		"50/s", "It does not answer: connection refused", `class="figure error"`, ">open<", "95 percent", "7-16", `href="/batches/s1-1"`, "20ms", "cursor=N", "logs are missing",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if body := get(e, "/ui/figures").Body.String(); !strings.Contains(body, `"value":"50/s"`) || !strings.Contains(body, `"stored s1":{"value":"990"`) {
		t.Error(body)
	}
	fake.answers["/api/batches"] = `4{"status":401}`
	if w := get(e, "/pipeline"); w.Code != http.StatusSeeOther || strings.Contains(w.Body.String(), "50/s") {
		t.Errorf("who shows no key sees %s", w.Body)
	}
}

func TestABatchesLife(t *testing.T) {
	e, _ := newPages(t, map[string]string{"/api/batches/s1-1": `{"id":"s1-1","shipper":"s1","count":6,"state":"incomplete","rows":5,"trigger":"size","sealed_at":"2026-01-02T03:04:05Z","stored_at":"2026-01-02T03:04:06Z","quarantine":[{"id":9,"state":"held","from":3,"to":3}]}`})
	body := get(e, "/batches/s1-1").Body.String()
	for _, want := range []string{"incomplete", "closed by size", "1s later", "/quarantine/9", "<dd>5</dd>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func post(e *echo.Echo, target string, form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func TestQuarantine(t *testing.T) {
	e, fake := newPages(t, map[string]string{
		"/api/quarantine":         `{"items":[{"id":7,"state":"held","reason":"invalid","error":"<b>bad</b>\u001b[31m","shipper":"s1","tries":3,"last_seen":"2026-01-02T03:04:05Z"}],"next":null}`,
		"/api/quarantine/7":       `{"id":7,"state":"held","readable":true,"headers":[{"name":"<h>","value":"v"},{"name":"b","bytes":"AAE="}],"history":[{"at":"2026-01-02T03:04:05Z","what":"poisoned"}],"logs":[],"payload":"AAECPGI+"}`,
		"/api/quarantine/replay":  `{"results":[{"id":7,"state":"replaying"},{"id":8,"detail":"it was discarded"}]}`,
		"/api/quarantine/discard": `4{"status":403,"detail":"the key does not have the scope admin"}`,
	})
	body := get(e, "/quarantine?state=held").Body.String()
	if !strings.Contains(body, "&lt;b&gt;bad") || !strings.Contains(body, "<option selected>held") {
		t.Error(body)
	}
	if !strings.Contains(body, `data-items="/ui/items?state=held"`) || !strings.Contains(body, `<tr data-item="7">`) {
		t.Error(body)
	}
	if fresh := get(e, "/ui/items?state=held").Body.String(); fresh != "{\"7\":{\"state\":\"held\",\"tries\":3,\"last\":\"2 Jan 03:04:05\"}}\n" || fake.asked["GET /api/quarantine"].Get("state") != "held" {
		t.Error(fresh)
	}
	body = get(e, "/quarantine/7").Body.String()
	if !strings.Contains(body, "&lt;h&gt;") || !strings.Contains(body, "0001") || !strings.Contains(body, "00 01 02 3c 62 3e") || !strings.Contains(body, "poisoned") {
		t.Error(body)
	}
	chosen := url.Values{"id": {"7", "8"}, "back": {"/quarantine?state=held"}}
	w := post(e, "/quarantine/replay", chosen)
	to, _ := url.Parse(w.Header().Get("Location"))
	if w.Code != http.StatusSeeOther || to.Path != "/quarantine" || to.Query().Get("state") != "held" || to.Query().Get("done") != "1 of 2 items sent again. Item 8: It was discarded." {
		t.Errorf("%d %s", w.Code, to)
	}
	if w := post(e, "/quarantine/discard", chosen); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "scope admin") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := post(e, "/quarantine/replay", url.Values{"id": {"7"}, "back": {"//evil.example"}}); strings.Contains(w.Header().Get("Location"), "evil") {
		t.Error(w.Header())
	}
	delete(fake.asked, "POST /api/quarantine/replay")
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.NoContent(http.StatusForbidden) }
	for _, foreign := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if w := post(e, "/quarantine/replay", chosen, foreign...); w.Code != http.StatusForbidden || fake.asked["POST /api/quarantine/replay"] != nil {
			t.Errorf("%v: %d", foreign, w.Code)
		}
	}
}

func TestLogin(t *testing.T) {
	e, fake := newPages(t, map[string]string{"/api/login": `{"access":"on"}`})
	if body := get(e, "/login?next=/pipeline").Body.String(); !strings.Contains(body, `value="/pipeline"`) {
		t.Error(body)
	}
	for next, want := range map[string]string{"/?service=a": "/?service=a", "https://evil.example/": "/", "//evil.example": "/", `/\evil.example`: "/", "": "/"} {
		w := post(e, "/login", url.Values{"key": {"mr_x"}, "next": {next}})
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%s: %d %s", next, w.Code, got)
		}
	}
	fake.answers["/api/login"] = `4{"status":401,"detail":"nobody knows this key"}`
	if w := post(e, "/login", url.Values{"key": {"x"}}); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "Nobody knows this key.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// An address that there is not is a page in a browser, and a problem elsewhere.
func TestAnAddressThatThereIsNot(t *testing.T) {
	e := echo.New()
	refuse := false
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if refuse {
				return app.Errorf(app.KindUnauthenticated, "no key")
			}
			return next(c)
		}
	})
	e.HTTPErrorHandler = func(_ error, c echo.Context) { _ = c.NoContent(http.StatusTeapot) }
	if err := ui.Mount(e, ui.Config{API: onlyAPI{&api{asked: map[string]url.Values{}}}, Roles: roles{}}); err != nil {
		t.Fatal(err)
	}
	ask := func(method, target, accept string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, target, nil)
		r.Header.Set("Accept", accept)
		e.ServeHTTP(w, r)
		return w
	}
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, path := range []string{"/logs", "/nothing/%3Cb%3E"} {
		w := ask("GET", path, browser)
		if body := w.Body.String(); w.Code != http.StatusNotFound || !strings.Contains(body, "There is no such page") || strings.Contains(body, "<b>") || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), body)
		}
	}
	for _, other := range [][3]string{{"GET", "/nothing", "*/*"}, {"GET", "/api/nothing", browser}, {"POST", "/nothing", browser}} {
		if w := ask(other[0], other[1], other[2]); w.Code != http.StatusTeapot {
			t.Errorf("%v: %d", other, w.Code)
		}
	}
	refuse = true
	if w := ask("GET", "/nothing", browser); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/login") {
		t.Errorf("without a key: %d %v", w.Code, w.Header())
	}
}

func TestAFilterThatThereIsNot(t *testing.T) {
	e, _ := newPages(t, map[string]string{"/api/logs": `0{"status":400,"errors":[{"field":"nope","detail":"nope is no parameter of this endpoint: it has from, to"}]}`})
	if body := get(e, "/?nope=1").Body.String(); !strings.Contains(body, "There is no filter &#34;nope&#34;: take it out of the address.") || strings.Contains(body, "endpoint") {
		t.Error(body)
	}
}
