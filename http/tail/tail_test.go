package tail_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/kafka/sourcetest"
	"millrace/app/otlp"
	"millrace/http/openapi"
	"millrace/http/server"
	"millrace/http/tail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a server with the endpoint alone, over a source in memory.
type gateway struct {
	t      *testing.T
	url    string
	source *sourcetest.Memory
	hub    *app.TailHub
	stored storedUpTo
	stop   func() error
}

// storedUpTo is how far each partition is stored.
type storedUpTo app.Positions

func (s storedUpTo) StoredUpTo(_ context.Context, ends app.Positions) (app.Positions, error) {
	stored := app.Positions{}
	for partition := range ends {
		if position, ok := s[partition]; ok {
			stored[partition] = position
		}
	}
	return stored, nil
}

func newGateway(t *testing.T, change func(*tail.Config)) *gateway {
	t.Helper()
	document, err := openapi.Read()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, source: sourcetest.NewMemory(2), stored: storedUpTo{}}
	g.hub = app.NewTailHub(g.source, otlp.Codec{}, app.TailConfig{MaxTails: 2, Buffer: 100})
	cfg := tail.Config{Document: document, Hub: g.hub, Stored: g.stored, Heartbeat: 10 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	e := server.New(server.Config{Logger: slog.New(slog.DiscardHandler)})
	if err := tail.Mount(e, cfg); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, e, listener, 10*time.Second) }()
	g.url = "http://" + listener.Addr().String() + "/api/logs/tail"
	stopped := false
	g.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-served
	}
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return g
}

func (g *gateway) write(partition int32, lines ...string) {
	g.source.Write(partition, g.payload(lines...))
}

func (g *gateway) payload(lines ...string) []byte {
	g.t.Helper()
	payload, _, err := otlp.FromNDJSON([]byte(strings.Join(lines, "\n")), otlp.Intake{Received: time.Now()})
	if err != nil {
		g.t.Fatal(err)
	}
	return payload
}

// reader reads the blocks of a stream.
type reader struct {
	t      *testing.T
	cancel context.CancelFunc
	lines  *bufio.Scanner
	place  string // the last id
}

func (g *gateway) follow(query string, header ...string) *reader {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+query, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { cancel(); response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(response.Body)
		g.t.Fatalf("%s: %d %v %s", query, response.StatusCode, response.Header, body)
	}
	r := &reader{t: g.t, cancel: cancel, lines: bufio.NewScanner(response.Body)}
	r.lines.Buffer(nil, 1<<20)
	if head := r.block(); !strings.HasPrefix(head, "retry: ") || r.place == "" {
		g.t.Fatalf("it begins with %q", head)
	}
	return r
}

// block returns the next block, without its id.
func (r *reader) block() string {
	r.t.Helper()
	var block []string
	for r.lines.Scan() {
		line := r.lines.Text()
		if line == "" {
			return strings.Join(block, "\n")
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			r.place = id
			continue
		}
		block = append(block, line)
	}
	return "end"
}

// event returns the next block that is more than a heartbeat.
func (r *reader) event() string {
	r.t.Helper()
	for {
		if block := r.block(); block != ":" {
			return block
		}
	}
}

func (r *reader) expect(want string) {
	r.t.Helper()
	if got := r.event(); !strings.HasPrefix(got, "event: log\ndata: {") || !strings.Contains(got, `"message":"`+want+`"`) || strings.Count(got, "\n") != 1 {
		r.t.Fatalf("got %q, want %q", got, want)
	}
}

func TestATailIsFilteredAndGoesOnWhereItWas(t *testing.T) {
	g := newGateway(t, nil)
	r := g.follow("?service=shop&min_level=WARN&text!=healthz&attr.user=42")
	g.write(0,
		`{"service":"shop","level":"WARN","msg":"one\nline","user":42}`,
		`{"service":"shop","level":"INFO","msg":"no","user":42}`,
		`{"service":"other","level":"WARN","msg":"no","user":42}`,
		`{"service":"shop","level":"WARN","msg":"no: healthz","user":42}`,
		`{"service":"shop","level":"WARN","msg":"no","user":43}`,
		`{"service":"shop","level":"ERROR","msg":"two","user":42}`)
	r.expect(`one\nline`)
	place := r.place
	r.expect("two")
	after := r.place
	r.cancel()
	g.write(1, `{"msg":"three"}`)

	r = g.follow("", "Last-Event-ID", after)
	r.expect("three")
	r.cancel()
	// By the parameter; and the header goes before it.
	r = g.follow("?service=shop&min_level=ERROR&last_event_id=" + place)
	r.expect("two")
	r.cancel()
	r = g.follow("?last_event_id="+place, "Last-Event-ID", after)
	r.expect("three")
}

// What is in Kafka and not stored yet comes when it is asked for, with what names
// it once it is stored; and whoever comes back goes on from the last id.
func TestATailBeginsBehindWhatIsStored(t *testing.T) {
	g := newGateway(t, nil)
	g.write(0, `{"msg":"stored"}`)
	g.write(0, `{"msg":"on its way"}`, `{"msg":"with it"}`)
	g.write(1, `{"msg":"of a partition of which nothing is stored"}`)
	g.stored[0] = 1
	r := g.follow("?begin=stored")
	first := ""
	seen := map[string]bool{}
	for range 3 {
		event := r.event()
		for _, want := range []string{`"id":"logs.0-1.0"`, `"id":"logs.0-1.1"`, `"id":"logs.1-0.0"`} {
			if strings.Contains(event, want) {
				seen[want] = true
			}
		}
		if first == "" {
			first = r.place
		}
	}
	if len(seen) != 3 {
		t.Errorf("of those that are not stored there came %v", seen)
	}
	g.write(0, `{"msg":"new"}`)
	r.expect("new")
	r.cancel()
	again := g.follow("?begin=stored", "Last-Event-ID", r.place)
	g.write(1, `{"msg":"newer"}`)
	again.expect("newer")
	for g.hub.Tails() > 1 { // the first leaves when its connection does
		time.Sleep(time.Millisecond)
	}
	now := g.follow("?begin=now")
	g.write(1, `{"msg":"newest"}`)
	now.expect("newest")
}

// Whoever takes the place first, then looks at what is stored, and then opens the
// stream, has all: what was not stored at first, and what came in between.
func TestAPlaceIsTakenBeforeTheStreamIsOpened(t *testing.T) {
	g := newGateway(t, nil)
	g.write(0, `{"msg":"stored"}`)
	g.write(0, `{"msg":"on its way"}`)
	g.stored[0] = 1
	place := g.place()
	g.stored[0], g.stored[1] = 3, 1
	g.write(0, `{"msg":"stored since"}`)
	g.write(1, `{"msg":"of another partition"}`)
	r := g.follow("?last_event_id=" + place)
	came := map[string]bool{}
	for range 3 {
		came[messageOf(r.event())] = true
	}
	if !came["on its way"] || !came["stored since"] || !came["of another partition"] {
		t.Errorf("there came %v", came)
	}
	g.write(1, `{"msg":"new"}`)
	r.expect("new")
	r.cancel()

	// Much later Kafka does not have all of it any more.
	g.source.Forget(0, 3)
	g.write(0, `{"msg":"newest"}`)
	r = g.follow("?last_event_id=" + place)
	if got := r.event(); got != "event: missed\ndata: {\"batches\":2}" {
		t.Errorf("got %q", got)
	}
	r.expect("newest")
}

func (g *gateway) place() string {
	g.t.Helper()
	response, err := http.Get(g.url + "/place")
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct {
		ID string `json:"last_event_id"`
	}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil || response.StatusCode != http.StatusOK || got.ID == "" || response.Header.Get("Cache-Control") != "no-store" {
		g.t.Fatalf("%d %v %+v, %v", response.StatusCode, response.Header, got, err)
	}
	return got.ID
}

// messageOf returns the message of an event's log, or nothing.
func messageOf(event string) string {
	var log struct{ Message string }
	data, _ := strings.CutPrefix(event, "event: log\ndata: ")
	_ = json.Unmarshal([]byte(data), &log)
	return log.Message
}

func TestASilenceIsBrokenAndMovesThePlaceOn(t *testing.T) {
	g := newGateway(t, nil)
	r := g.follow("?service=shop")
	before := r.place
	g.write(0, `{"service":"other","msg":"x"}`)
	for r.place == before {
		if block := r.block(); block != ":" {
			t.Fatalf("got %q", block)
		}
	}
	r.cancel()
	g.write(0, `{"service":"shop","msg":"y"}`)
	g.follow("", "Last-Event-ID", r.place).expect("y")
}

func TestWhatIsGoneIsTold(t *testing.T) {
	g := newGateway(t, nil)
	r := g.follow("")
	place := r.place
	r.cancel()
	for range 4 {
		g.write(0, `{"msg":"x"}`)
	}
	g.source.Forget(0, 3)
	r = g.follow("", "Last-Event-ID", place)
	if got := r.event(); got != "event: missed\ndata: {\"batches\":3}" {
		t.Errorf("got %q", got)
	}
	r.expect("x")
}

func TestWrongQuestionsAreNamed(t *testing.T) {
	g := newGateway(t, nil)
	for query, field := range map[string]string{"?from=-1h": "from", "?level=LOUD": "level", "?regex=(": "regex", "?last_event_id=7": "last_event_id", "?limit=1": "limit", "?begin=soon": "begin"} {
		g.refused(query, http.StatusBadRequest, `"field":"`+field+`"`)
	}
	none := newGateway(t, func(c *tail.Config) { c.Hub = nil })
	for _, query := range []string{"", "/place"} {
		none.refused(query, http.StatusServiceUnavailable, "kafka-brokers")
	}
	g.refused("/place?service=shop", http.StatusBadRequest, `"field":"service"`)
	g.source.Fail(app.Errorf(app.KindUnavailable, "no Kafka answers"))
	g.refused("/place", http.StatusServiceUnavailable, "no Kafka answers")
}

func (g *gateway) refused(query string, status int, want string) {
	g.t.Helper()
	response, err := http.Get(g.url + query)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != status || !strings.Contains(string(body), want) || response.Header.Get("Content-Type") != "application/problem+json" {
		g.t.Errorf("%s: %d %s", query, response.StatusCode, body)
	}
}

func TestTailsAreBounded(t *testing.T) {
	g := newGateway(t, nil)
	g.follow("")
	second := g.follow("")
	g.refused("", http.StatusTooManyRequests, "gateway-max-tails")
	response, err := http.Head(g.url)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %v, %v", response, err)
	}
	second.cancel()
	for g.hub.Tails() == 2 { // it leaves when its connection does
		time.Sleep(time.Millisecond)
	}
	g.follow("")
}

// The server does not wait for tails, and says goodbye.
func TestAServerThatStopsEndsItsTails(t *testing.T) {
	g := newGateway(t, nil)
	r := g.follow("")
	g.write(0, `{"msg":"x"}`)
	r.expect("x")
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	if got := r.event(); got != ": "+app.ErrTailsClosed.Error() {
		t.Errorf("got %q", got)
	}
	if got := r.event(); got != "end" {
		t.Errorf("then %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A key that is revoked ends what it began.
func TestAClientThatMayNotGoOnIsCutOff(t *testing.T) {
	revoked := make(chan struct{})
	g := newGateway(t, func(c *tail.Config) {
		c.Still = func(echo.Context) error {
			select {
			case <-revoked:
				return errors.New("the key is revoked")
			default:
				return nil
			}
		}
	})
	r := g.follow("")
	r.block()
	close(revoked)
	if got := r.event(); got != ": the key is revoked" {
		t.Errorf("got %q", got)
	}
	if got := r.event(); got != "end" {
		t.Errorf("then %q", got)
	}
}

// A client that does not read does not hold anybody up, and learns what it
// missed once it reads again.
func TestAClientThatDoesNotReadIsToldWhatItMissed(t *testing.T) {
	g := newGateway(t, nil)
	slow, quick := g.follow("?service=big"), g.follow("?service=small")
	big := `{"service":"big","msg":"` + strings.Repeat("x", 100_000) + `"}`
	const batches, size = 100, 4 // 40 MB: more than sockets and buffers hold
	payload := g.payload(big, big, big, big, `{"service":"small","msg":"s"}`)
	for range batches {
		g.source.Write(0, payload)
		quick.expect("s")
	}
	logs, missed := 0, 0
	for logs+missed < batches*size {
		event := slow.event()
		if data, ok := strings.CutPrefix(event, "event: missed\ndata: {\"logs\":"); ok {
			n := 0
			for _, digit := range strings.TrimSuffix(data, "}") {
				n = 10*n + int(digit-'0')
			}
			missed += n
			continue
		}
		if !strings.HasPrefix(event, "event: log\n") {
			t.Fatalf("after %d logs: %.100q", logs, event)
		}
		logs++
	}
	if logs == 0 || missed == 0 || logs+missed != batches*size {
		t.Errorf("%d logs came and %d were missed, of %d", logs, missed, batches*size)
	}
}
