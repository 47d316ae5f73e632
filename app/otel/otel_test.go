package otel_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"millrace/app"
	"millrace/app/otel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBuffer may be written and read at the same time.
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

func TestSpansAreExportedWhenItCloses(t *testing.T) {
	var names []string // written before Close returns
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var got collectortrace.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &got) != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %d bytes, %v", r.URL.Path, len(body), err)
			return
		}
		for _, resource := range got.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					names = append(names, resource.Resource.Attributes[0].Value.GetStringValue()+" "+span.Name)
				}
			}
		}
	}))
	defer receiver.Close()
	provider, err := otel.Open(t.Context(), app.TracingConfig{Endpoint: receiver.URL, Ratio: 1}, "millrace-test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "work")
	span.End()
	if err := provider.Close(); err != nil {
		t.Fatal(err)
	}
	if len(names) != 1 || names[0] != "millrace-test work" {
		t.Errorf("exported %q", names)
	}
}

func TestAReceiverThatIsAwayIsToldOnce(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer receiver.Close()
	log := &logBuffer{}
	provider, err := otel.Open(t.Context(), app.TracingConfig{Endpoint: receiver.URL + "/", Ratio: 1}, "test", slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	flush := func() {
		_, span := provider.Tracer("test").Start(t.Context(), "work")
		span.End()
		if err := provider.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	flush()
	away.Store(false)
	flush()
	flush()
	if err := provider.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "tracing-endpoint takes spans again") {
		t.Errorf("the log has %d lines: %s", n, log)
	}
}

func TestChildrenBeginNoTraces(t *testing.T) {
	if otel.Children(nil) != nil {
		t.Error("off is not off")
	}
	exported := tracetest.NewInMemoryExporter()
	sdk := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exported))
	defer func() { _ = sdk.Shutdown(context.Background()) }()
	tracer := otel.Children(sdk).Tracer("database")
	ctx, span := tracer.Start(t.Context(), "poll")
	span.End()
	if trace.SpanContextFromContext(ctx).IsValid() || len(exported.GetSpans()) > 0 {
		t.Error("polling began a trace")
	}
	ctx, request := sdk.Tracer("server").Start(t.Context(), "request")
	_, span = tracer.Start(ctx, "query")
	span.End()
	request.End()
	spans := exported.GetSpans()
	if len(spans) != 2 || spans[0].Name != "query" || spans[0].Parent.SpanID() != spans[1].SpanContext.SpanID() {
		t.Errorf("%+v", spans)
	}
}
