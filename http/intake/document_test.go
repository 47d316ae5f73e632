package intake_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/access"
	"millrace/http/intake"
	"millrace/http/openapi"
)

func describe(t testing.TB) *openapi.Document {
	t.Helper()
	document, err := intake.Document()
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// documented returns what the document says of the answer to a request with a
// status. found is false when it does not describe the endpoint.
func documented(document *openapi.Document, method, path string, status int) (answer *openapi.Answer, found bool) {
	for _, op := range document.Operations() {
		if op.Method != method || op.Path != path {
			continue
		}
		for _, a := range op.Answers {
			if a.Status == strconv.Itoa(status) {
				return &a, true
			}
		}
		return nil, true
	}
	return nil, false
}

// statusClientLeft is what nobody is there to see.
const statusClientLeft = 499

// holdToDocument fails the test when a server gives an answer that the document
// does not have.
func holdToDocument(t testing.TB, e *echo.Echo) {
	t.Helper()
	document := describe(t)
	check := func(c echo.Context) {
		r, status, header := c.Request(), c.Response().Status, c.Response().Header()
		answer, found := documented(document, r.Method, r.URL.Path, status)
		if !found || status == statusClientLeft {
			return
		}
		if answer == nil {
			t.Errorf("the document has no %d of %s %s", status, r.Method, r.URL.Path)
			return
		}
		if contentType := header.Get("Content-Type"); !slices.Contains(answer.Types, contentType) {
			t.Errorf("%d of %s %s comes as %s, and the document says %v", status, r.Method, r.URL.Path, contentType, answer.Types)
		}
		for _, name := range []string{"Retry-After", "WWW-Authenticate"} {
			if (header.Get(name) != "") != slices.Contains(answer.Headers, name) {
				t.Errorf("%d of %s %s has %s %q, and the document %v", status, r.Method, r.URL.Path, name, header.Get(name), answer.Headers)
			}
		}
	}
	handler := e.HTTPErrorHandler
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		handler(err, c)
		check(c)
	}
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if err == nil {
				check(c)
			}
			return err
		}
	})
}

func TestTheDocumentIsServedWithAPage(t *testing.T) {
	document := describe(t)
	e := echo.New()
	if err := document.Mount(e); err != nil {
		t.Fatal(err)
	}
	get := func(path string) string {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	var doc struct {
		Paths      map[string]any
		Components struct{ SecuritySchemes, Responses, Schemas map[string]any }
	}
	text := get("/openapi.json")
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Paths) != 3 || len(doc.Components.SecuritySchemes) != 3 {
		t.Errorf("%v, %+v", err, doc)
	}
	// Whatever it refers to is in it, and of the gateway's no more than that.
	for _, ref := range regexp.MustCompile(`#/components/(\w+)/(\w+)`).FindAllStringSubmatch(text, -1) {
		if map[string]map[string]any{"responses": doc.Components.Responses, "schemas": doc.Components.Schemas}[ref[1]][ref[2]] == nil {
			t.Errorf("there is no %s", ref[0])
		}
	}
	if names := slices.Sorted(maps.Keys(doc.Components.Schemas)); !slices.Equal(names, []string{"NewLog", "Problem", "Status"}) {
		t.Errorf("it has %q", names)
	}
	page := get("/docs")
	for _, want := range []string{"/v1/logs", "application/x-protobuf", "application/x-ndjson", `{&#34;service&#34;:&#34;shop&#34;,&#34;message&#34;:&#34;one&#34;}`, "<code>503</code>", "Retry-After", "google.rpc.Status"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if found := regexp.MustCompile(`(?i)<script|src=|href="https?:|@import|url\(`).FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// asked is one request that a documented answer is for.
type asked struct {
	status int
	as     string // media type of the answer
}

// answers gathers what servers answer at a path.
type answers struct {
	t    *testing.T
	path string
	got  map[asked]bool
}

func (a *answers) ask(e http.Handler, body []byte, header ...string) {
	a.t.Helper()
	w := httptest.NewRecorder()
	e.ServeHTTP(w, request(a.path, body, header...))
	a.note(w.Code, w.Header().Get("Content-Type"), w.Body.String())
}

func (a *answers) note(status int, contentType, body string) {
	a.t.Helper()
	a.got[asked{status, contentType}] = true
	if contentType != "application/problem+json" {
		return
	}
	var doc struct{ Type, Title string }
	if err := json.Unmarshal([]byte(body), &doc); err != nil || doc.Type == "" || doc.Title == "" {
		a.t.Errorf("%d: no problem document: %s", status, body)
	}
}

// panicking finds a fault of the server in any body.
type panicking struct{ fakeCodec }

func (panicking) Count([]byte) (int, error)                            { panic("a fault") }
func (panicking) FromJSON([]byte, time.Time) ([]byte, int, error)      { panic("a fault") }
func (panicking) FromOTLPJSON([]byte) (payload []byte, n int, e error) { panic("a fault") }

// slow is a body that does not come in time.
type slow struct{}

func (slow) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// guarded returns a server with keys, of which one reads and one hands over logs
// once, and these two.
func guarded(t *testing.T) (e *echo.Echo, reader, sender string) {
	t.Helper()
	in, e := newIntake(t, intake.Config{})
	handle(t, in, ack)
	read, reader := app.NewKey(app.Key{Name: "reader", Scopes: []app.Scope{app.ScopeRead}}, time.Now())
	send, sender := app.NewKey(app.Key{Name: "sender", Scopes: []app.Scope{app.ScopeIngest}}, time.Now())
	ring, err := app.NewKeyring(read, send)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := access.New(access.Config{
		Keys: func() *app.Keyring { return ring }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Rate: 0.001, Burst: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Use(guard.Middleware()...)
	return e, reader, sender
}

// tooLong asks with a header that no server reads to its end.
func (a *answers) tooLong(e *echo.Echo) {
	a.t.Helper()
	listening := httptest.NewUnstartedServer(e)
	listening.Config.MaxHeaderBytes = e.Server.MaxHeaderBytes
	listening.Start()
	defer listening.Close()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, listening.URL+a.path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	response, err := listening.Client().Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	a.note(response.StatusCode, strings.TrimSuffix(response.Header.Get("Content-Type"), "; charset=utf-8"), "")
}

// Each answer that the document has is one that a request gets; and holdToDocument
// sees to it that there are no others, here and in all other tests.
func TestEachDocumentedAnswerIsGiven(t *testing.T) {
	for path, bodies := range map[string]map[string][]byte{ // by their Content-Type, with a log each
		"/api/logs": {"application/json": []byte("{}")},
		"/v1/logs":  {"application/json": []byte(`{"logs":1}`), "application/x-protobuf": []byte("a")},
	} {
		a := &answers{t: t, path: path, got: map[asked]bool{}}
		for contentType, body := range bodies {
			as := []string{"Content-Type", contentType}
			in, e := newIntake(t, intake.Config{MaxBody: 100})
			a.ask(e, body, as...) // 503: nobody has subscribed
			handle(t, in, ack)
			a.ask(e, body, as...)
			a.ask(e, []byte("{!"), as...)
			a.ask(e, bytes.Repeat([]byte("a"), 101), as...)
			a.ask(e, body, append(as, "Content-Encoding", "br")...)
			a.ask(e, body, "Content-Type", "text/xml")
			r := httptest.NewRequest(http.MethodPost, path, slow{})
			r.Header.Set("Content-Type", contentType)
			w := serve(e, r)
			a.note(w.Code, w.Header().Get("Content-Type"), w.Body.String())
			a.tooLong(e)

			in, e = newIntake(t, intake.Config{Codec: panicking{}})
			handle(t, in, func(msg *message.Message) { msg.Nack() })
			a.ask(e, body, as...)

			e, reader, sender := guarded(t)
			a.ask(e, body, as...)
			a.ask(e, body, append(as, "Authorization", "Bearer "+reader)...)
			a.ask(e, body, append(as, "Authorization", "Bearer "+sender)...)
			a.ask(e, body, append(as, "Authorization", "Bearer "+sender)...)
		}
		want := map[asked]bool{}
		for _, op := range describe(t).Operations() {
			if op.Path != path {
				continue
			}
			for _, answer := range op.Answers {
				status, err := strconv.Atoi(answer.Status)
				if err != nil {
					t.Fatal(err)
				}
				for _, as := range answer.Types {
					want[asked{status, as}] = true
				}
			}
		}
		for one := range want {
			if !a.got[one] {
				t.Errorf("%s: no request got %d as %s", path, one.status, one.as)
			}
		}
		for one := range a.got {
			if !want[one] {
				t.Errorf("%s: the document has no %d as %s", path, one.status, one.as)
			}
		}
	}
}
