package e2e

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver takes spans as an OpenTelemetry Collector does.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*span
}

// span is a span with ids as text.
type span struct {
	*tracepb.Span
	trace, id, parent, service string
	links                      []string // ids of spans
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	var exported collectortrace.ExportTraceServiceRequest
	if err != nil || request.URL.Path != "/v1/traces" || proto.Unmarshal(body, &exported) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range exported.ResourceSpans {
		service := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				taken := &span{Span: s, service: service, trace: hex.EncodeToString(s.TraceId), id: hex.EncodeToString(s.SpanId), parent: hex.EncodeToString(s.ParentSpanId)}
				for _, link := range s.Links {
					taken.links = append(taken.links, hex.EncodeToString(link.SpanId))
				}
				r.spans = append(r.spans, taken)
			}
		}
	}
}

// find returns the spans of a trace (of any, if it is empty) with a name that
// begins so, and with a parent, if one is given.
func (r *receiver) find(trace, name string, parent *span) []*span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*span
	for _, s := range r.spans {
		if (trace == "" || s.trace == trace) && strings.HasPrefix(s.Name, name) && (parent == nil || s.parent == parent.id) {
			found = append(found, s)
		}
	}
	return found
}

// await returns the first of such spans when it has come.
func (r *receiver) await(t *testing.T, trace, name string, parent *span) *span {
	t.Helper()
	var found []*span
	t.Cleanup(func() {
		if t.Failed() && len(found) == 0 {
			t.Logf("trace %s:\n%s", trace, r.tree(trace, ""))
		}
	})
	eventually(t, fmt.Sprintf("there is a span %q in the trace %s", name, trace), func() bool {
		found = r.find(trace, name, parent)
		return len(found) > 0
	})
	return found[0]
}

// tree shows a trace, for people.
func (r *receiver) tree(trace, indent string) string {
	var b strings.Builder
	for _, s := range r.find(trace, "", nil) {
		fmt.Fprintf(&b, "%s%s %s (%s) parent %s links %q\n", indent, s.id, s.Name, s.service, s.parent, s.links)
	}
	return b.String()
}

// caller is a span of a client of ours.
type caller struct{ trace, id string }

func newCaller(n int) caller {
	return caller{fmt.Sprintf("%032x", 0xc0ffee0000+n), fmt.Sprintf("%016x", 0xabc000+n)}
}

func (c caller) span() *span { return &span{id: c.id} }

// ask sends a request within the caller's span.
func (p *pipeline) ask(c caller, flags, method, role, path, body string) answer {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.addr[role]+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("traceparent", "00-"+c.trace+"-"+c.id+"-"+flags)
	response, err := http.DefaultClient.Do(request)
	got := p.read(response, err)
	if got.status/100 != 2 {
		p.t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return got
}

// One trace leads from a client's request over the journal, the batch, Kafka and
// the store to the projection, and another from a query to PostgreSQL and Redis.
func TestATraceLeadsFromIntakeToProjection(t *testing.T) {
	r := newReceiver(t)
	p := newPipeline(t, "MILLRACE_TRACING_ENDPOINT="+r.URL, "MILLRACE_BATCHING_MAX_DELAY=5s", "MILLRACE_LOG_LEVEL=debug", "MILLRACE_LOG_FORMAT=json")
	shipper := p.start("shipper")
	p.start("consumer")
	p.start("gateway")

	first, second, unsampled := newCaller(1), newCaller(2), newCaller(3)
	p.ask(first, "01", "POST", "shipper", "/api/logs", p.lines(0, 5))
	p.ask(second, "01", "POST", "shipper", "/api/logs", p.lines(5, 5))
	p.ask(unsampled, "00", "POST", "shipper", "/api/logs", p.lines(10, 5))
	p.expectStored(15)

	request := r.await(t, first.trace, "POST /api/logs", first.span())
	ship := r.await(t, first.trace, "ship", request)
	r.await(t, first.trace, "journal append", ship)
	batch := r.await(t, first.trace, "batch", ship)
	store := r.await(t, first.trace, "store", batch)
	r.await(t, first.trace, "COPY logs", store)
	project := r.await(t, first.trace, "project", store)
	if request.service != "millrace-shipper" || batch.service != "millrace-shipper" || store.service != "millrace-consumer" || project.service != "millrace-consumer" {
		t.Errorf("made by %s, %s, %s, %s", request.service, batch.service, store.service, project.service)
	}
	eventually(t, "the projection reads PostgreSQL and writes Redis", func() bool {
		return has(r.find(first.trace, "", project), "db.system.name", "postgresql") && has(r.find(first.trace, "", project), "db.system", "redis")
	})
	other := r.await(t, second.trace, "ship", nil)
	if !slices.Equal(batch.links, []string{ship.id, other.id}) {
		t.Errorf("the batch has links %q, want %q", batch.links, []string{ship.id, other.id})
	}
	if spans := r.find(unsampled.trace, "", nil); len(spans) > 0 {
		t.Errorf("a trace that its caller does not want: %s", r.tree(unsampled.trace, ""))
	}
	if !strings.Contains(shipper.Output(), `"trace_id":"`+first.trace+`"`) {
		t.Error("the shipper's log does not tell the request's trace")
	}

	query := newCaller(4)
	p.ask(query, "01", "GET", "gateway", "/api/logs?limit=1", "")
	p.ask(query, "01", "GET", "gateway", "/api/query/recent", "")
	logs := r.await(t, query.trace, "GET /api/logs", query.span())
	recent := r.await(t, query.trace, "GET /api/query/recent", query.span())
	eventually(t, "a query reads PostgreSQL", func() bool { return has(r.find(query.trace, "", logs), "db.system.name", "postgresql") })
	eventually(t, "the newest logs are read from Redis", func() bool { return has(r.find(query.trace, "", recent), "db.system", "redis") })
	for _, s := range r.find("", "", nil) {
		if s.parent == "" && !strings.HasPrefix(s.Name, "batch") && !strings.HasPrefix(s.Name, "store") && !strings.HasPrefix(s.Name, "project") && !strings.HasPrefix(s.Name, "quarantine") {
			t.Errorf("%s of %s begins a trace of nobody's", s.Name, s.service)
		}
	}
	t.Logf("the trace:\n%s", r.tree(first.trace, ""))
}

// has tells whether one of the spans has an attribute.
func has(spans []*span, key, value string) bool {
	return slices.ContainsFunc(spans, func(s *span) bool {
		for _, a := range s.Attributes {
			if a.Key == key && a.Value.GetStringValue() == value {
				return true
			}
		}
		return false
	})
}

// A request's trace is in the journal: the process that took it may be gone.
func TestATraceSurvivesTheShipper(t *testing.T) {
	r := newReceiver(t)
	p := newPipeline(t, "MILLRACE_TRACING_ENDPOINT="+r.URL)
	shipper := p.start("shipper", "MILLRACE_BATCHING_MAX_DELAY=1h")
	c := newCaller(5)
	p.ask(c, "01", "POST", "shipper", "/api/logs", p.lines(0, 5))
	ship := r.await(t, c.trace, "ship", nil)
	shipper.Kill()
	p.start("shipper", "MILLRACE_BATCHING_MAX_DELAY=200ms")
	p.start("consumer")
	batch := r.await(t, c.trace, "batch", ship)
	r.await(t, c.trace, "project", r.await(t, c.trace, "store", batch))
	p.expectStored(5)
}
