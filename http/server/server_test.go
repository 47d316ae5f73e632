package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/http/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBuffer is a log that may be written and read at the same time.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newServer(level slog.Level) (*echo.Echo, *logBuffer) {
	log := &logBuffer{}
	e := server.New(server.Config{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})), MaxBody: 10})
	e.GET("/ok", func(c echo.Context) error { return c.String(http.StatusOK, "fine") })
	e.GET("/panic", func(echo.Context) error { panic("a secret") })
	e.POST("/body", func(c echo.Context) error {
		_, err := io.ReadAll(c.Request().Body)
		return err
	})
	return e, log
}

func serve(e *echo.Echo, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func TestEachRequestHasAnID(t *testing.T) {
	e, _ := newServer(slog.LevelInfo)
	first := serve(e, "GET", "/ok", "").Header().Get("X-Request-ID")
	second := serve(e, "GET", "/ok", "").Header().Get("X-Request-ID")
	if first == "" || first == second {
		t.Errorf("ids %q and %q", first, second)
	}
	for given, taken := range map[string]bool{"abc-123": true, "": false, "two words": false, "caf\xe9": false, strings.Repeat("x", 129): false} {
		got := serve(e, "GET", "/ok", "", "X-Request-ID", given).Header().Get("X-Request-ID")
		if (got == given) != taken || got == "" {
			t.Errorf("id %q becomes %q", given, got)
		}
	}
}

func TestWhatEchoRefusesIsAProblemToo(t *testing.T) {
	e, log := newServer(slog.LevelInfo)
	for _, tc := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"GET", "/nothing", "", 404, "there is nothing at /nothing"},
		{"POST", "/ok", "", 405, "/ok takes OPTIONS, GET, not POST"},
		{"POST", "/body", "more than ten", 413, "the body is larger than 10 bytes"},
	} {
		w := serve(e, tc.method, tc.path, tc.body)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.detail) || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, w.Code, w.Body)
		}
	}
	if log.String() != "" {
		t.Errorf("a client's mistake is logged: %s", log)
	}
	w := serve(e, "GET", "/panic", "")
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a panic: %d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "a secret") || !strings.Contains(log.String(), "server_test.go") || !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("a panic is logged as %s", log)
	}
}

func TestRequestsAreLoggedForDebugging(t *testing.T) {
	e, log := newServer(slog.LevelDebug)
	serve(e, "GET", "/nothing", "", "X-Request-ID", "r-1")
	for _, want := range []string{"level=DEBUG", "path=/nothing", "status=404", "request_id=r-1", "took="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is missing in %s", want, log)
		}
	}
}

func TestAnAddressInUseNamesItsSetting(t *testing.T) {
	first, err := server.Listen("127.0.0.1:0", "shipper-addr")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, port, _ := net.SplitHostPort(first.Addr().String())
	_, err = server.Listen(first.Addr().String(), "shipper-addr")
	if want := "port " + port + " is in use: set --shipper-addr to another address"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = server.Listen("192.0.2.1:80", "shipper-addr") // no address of this machine
	if err == nil || !strings.Contains(err.Error(), "--shipper-addr") || app.KindOf(err) != app.KindInvalid {
		t.Errorf("got %v", err)
	}
}

// start serves e until stop is called, which returns what Serve returned.
func start(t *testing.T, e *echo.Echo, timeout time.Duration) (url string, stop func() error) {
	t.Helper()
	listener, err := server.Listen("127.0.0.1:0", "addr")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, e, listener, timeout) }()
	return "http://" + listener.Addr().String(), func() error { cancel(); return <-served }
}

func TestStoppingWaitsForRequests(t *testing.T) {
	e, _ := newServer(slog.LevelInfo)
	entered, leave := make(chan struct{}), make(chan struct{})
	e.GET("/slow", func(c echo.Context) error {
		close(entered)
		<-leave
		return c.String(http.StatusOK, "done")
	})
	url, stop := start(t, e, 10*time.Second)
	status := make(chan int, 1)
	go func() {
		r, err := http.Get(url + "/slow")
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		r.Body.Close()
		status <- r.StatusCode
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	// As soon as no more connections are taken, the server is stopping.
	for {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		c.Close()
	}
	close(leave)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := <-status; got != http.StatusOK {
		t.Errorf("the request in progress: %d", got)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestStoppingCutsOffWhatLastsTooLong(t *testing.T) {
	e, _ := newServer(slog.LevelInfo)
	entered, left := make(chan struct{}), make(chan struct{})
	e.GET("/endless", func(c echo.Context) error {
		close(entered)
		<-c.Request().Context().Done()
		close(left)
		return nil
	})
	url, stop := start(t, e, 10*time.Millisecond)
	go func() {
		if r, err := http.Get(url + "/endless"); err == nil {
			r.Body.Close()
		}
	}()
	<-entered
	if err := stop(); app.KindOf(err) != app.KindTimeout {
		t.Errorf("got %v", err)
	}
	<-left
	http.DefaultClient.CloseIdleConnections()
}

// A client that sends its headers drop by drop is cut off.
func TestSlowHeadersAreCutOff(t *testing.T) {
	e, _ := newServer(slog.LevelInfo)
	if e.Server.ReadHeaderTimeout <= 0 || e.Server.ReadTimeout <= 0 || e.Server.WriteTimeout <= e.Server.ReadTimeout || e.Server.IdleTimeout <= 0 || e.Server.MaxHeaderBytes <= 0 {
		t.Error("a limit of the server is missing")
	}
	e.Server.ReadHeaderTimeout = 20 * time.Millisecond
	url, stop := start(t, e, time.Second)
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET /ok HTTP/1.1\r\nHost: a\r\nX-Slow: ")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil {
		t.Errorf("still open: %q, %v", rest, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

type observed struct{ answers []string }

func (o *observed) Answered(method, route string, status int, _ time.Duration, cache string) {
	o.answers = append(o.answers, fmt.Sprint(method, " ", route, " ", status, " ", cache))
}

func TestTheObserverIsToldOfEachAnswer(t *testing.T) {
	o := &observed{}
	e := server.New(server.Config{Logger: slog.New(slog.DiscardHandler), Observer: o})
	e.GET("/logs/:id", func(c echo.Context) error {
		c.Response().Header().Set("X-Cache", "hit")
		return c.String(http.StatusOK, "fine")
	})
	e.GET("/full", func(echo.Context) error { return app.Errorf(app.KindFull, "full") })
	e.GET("/panic", func(echo.Context) error { panic("a secret") })
	for _, path := range []string{"/logs/7", "/full", "/panic", "/nothing/8"} {
		serve(e, "GET", path, "")
	}
	want := []string{"GET /logs/:id 200 hit", "GET /full 503 ", "GET /panic 500 ", "GET  404 "}
	if !slices.Equal(o.answers, want) {
		t.Errorf("%q", o.answers)
	}
}
