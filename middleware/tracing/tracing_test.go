package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"millrace/middleware/batching"
	"millrace/middleware/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newProvider returns a provider and what it exports.
func newProvider(t *testing.T) (*sdktrace.TracerProvider, *tracetest.InMemoryExporter) {
	exported := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exported))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return provider, exported
}

const (
	sampled   = "00-%032x-%016x-01"
	unsampled = "00-%032x-%016x-00"
)

// request returns a message that a span is named in.
func request(form string, n int) *message.Message {
	msg := message.NewMessage(fmt.Sprint(n), []byte("log"))
	if form != "" {
		msg.Metadata.Set("traceparent", fmt.Sprintf(form, n, n))
	}
	return msg
}

func handle(provider trace.TracerProvider, msg *message.Message, err error) error {
	_, got := tracing.Handler(provider, "work")(func(*message.Message) ([]*message.Message, error) { return nil, err })(msg)
	return got
}

func TestAHandlersSpanIsAChildOfTheMessages(t *testing.T) {
	provider, exported := newProvider(t)
	fromQueue := request(sampled, 7)
	if err := handle(provider, fromQueue, nil); err != nil {
		t.Fatal(err)
	}
	ctx, server := provider.Tracer("server").Start(t.Context(), "request")
	fromHTTP := request(sampled, 8) // what the client sent; the server's span is its child
	fromHTTP.SetContext(ctx)
	broken := errors.New("broken")
	if err := handle(provider, fromHTTP, broken); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	server.End()
	spans := exported.GetSpans()
	if got := spans[0]; got.Parent.SpanID() != (trace.SpanID{7: 7}) || got.SpanKind != trace.SpanKindConsumer {
		t.Errorf("from a queue: %+v", got)
	}
	if got := spans[1]; got.Parent.SpanID() != server.SpanContext().SpanID() || got.SpanKind != trace.SpanKindInternal || got.Status.Code != codes.Error {
		t.Errorf("from HTTP: %+v", got)
	}
	for i, msg := range []*message.Message{fromQueue, fromHTTP} {
		of := spans[i].SpanContext
		if want := fmt.Sprintf("00-%s-%s-01", of.TraceID(), of.SpanID()); msg.Metadata.Get("traceparent") != want {
			t.Errorf("the message goes on with %s, want %s", msg.Metadata.Get("traceparent"), want)
		}
	}
}

func TestWhatACallerDoesNotWantIsNotTraced(t *testing.T) {
	provider, exported := newProvider(t)
	msg := request(unsampled, 7)
	if err := handle(provider, msg, nil); err != nil {
		t.Fatal(err)
	}
	if len(exported.GetSpans()) > 0 {
		t.Error("it is traced")
	}
	if got := msg.Metadata.Get("traceparent"); got[len(got)-2:] != "00" {
		t.Errorf("those behind do not learn of it: %s", got)
	}
}

// taker is a next publisher.
type taker struct {
	err   error
	taken []*message.Message
}

func (p *taker) Publish(_ string, messages ...*message.Message) error {
	p.taken = append(p.taken, messages...)
	return p.err
}
func (*taker) Close() error { return nil }

func pack(batch batching.Batch) (*message.Message, error) {
	return message.NewMessage(fmt.Sprint("batch ", batch.First), nil), nil
}

func batchOf(messages ...*message.Message) batching.Batch {
	return batching.Batch{Topic: "logs", First: 1, Count: len(messages), Messages: messages, OpenedAt: time.Now(), SealedAt: time.Now()}
}

func publish(t *testing.T, provider trace.TracerProvider, next *taker, batches ...batching.Batch) {
	t.Helper()
	var packed []*message.Message
	for _, batch := range batches {
		msg, err := tracing.Pack(provider, pack)(batch)
		if err != nil {
			t.Fatal(err)
		}
		packed = append(packed, msg)
	}
	if err := tracing.Publisher(provider, next).Publish("logs", packed...); !errors.Is(err, next.err) {
		t.Fatal(err)
	}
}

func TestABatchIsLinkedToItsRequests(t *testing.T) {
	provider, exported := newProvider(t)
	many := make([]*message.Message, 1000)
	for i := range many {
		many[i] = request(sampled, i+1)
	}
	cut := request(sampled, 9) // in two parts
	next := &taker{}
	publish(t, provider, next,
		batchOf(request("", 1), request(unsampled, 2), request(sampled, 3), cut, cut.Copy(), request(sampled, 4)),
		batchOf(many...),
		batchOf(request("", 1)),
	)
	spans := exported.GetSpans()
	var links []int
	for _, link := range spans[0].Links {
		id := link.SpanContext.SpanID()
		links = append(links, int(id[7]))
	}
	if spans[0].Parent.SpanID() != (trace.SpanID{7: 3}) || !slices.Equal(links, []int{3, 9, 4}) {
		t.Errorf("child of %s, linked to %d", spans[0].Parent.SpanID(), links)
	}
	if len(spans[1].Links) != tracing.MaxLinks || spans[1].DroppedLinks > 0 {
		t.Errorf("%d links, %d dropped", len(spans[1].Links), spans[1].DroppedLinks)
	}
	if spans[2].Parent.IsValid() || len(spans[2].Links) > 0 {
		t.Errorf("of requests that nobody traced: %+v", spans[2])
	}
	for i, msg := range next.taken {
		of := spans[i].SpanContext
		if want := fmt.Sprintf("00-%s-%s-01", of.TraceID(), of.SpanID()); msg.Metadata.Get("traceparent") != want {
			t.Errorf("the record goes with %s, want %s", msg.Metadata.Get("traceparent"), want)
		}
	}
}

func TestABatchOfUnsampledRequestsIsNotTraced(t *testing.T) {
	provider, exported := newProvider(t)
	next := &taker{}
	publish(t, provider, next, batchOf(request(unsampled, 1), request(unsampled, 2)))
	if len(exported.GetSpans()) > 0 || next.taken[0].Metadata.Get("traceparent") == "" {
		t.Errorf("%+v, %s", exported.GetSpans(), next.taken[0].Metadata)
	}
}

func TestAFailedTryIsSeen(t *testing.T) {
	provider, exported := newProvider(t)
	publish(t, provider, &taker{err: errors.New("no broker")}, batchOf(request(sampled, 1)), batchOf(request(sampled, 2)))
	spans := exported.GetSpans()
	if len(spans) != 2 || spans[0].Status.Code != codes.Error || spans[1].Status.Description != "no broker" {
		t.Errorf("%+v", spans)
	}
	// What goes to the poison topic was not packed: it is published as it is.
	if err := tracing.Publisher(provider, &taker{}).Publish("logs.poison", request(sampled, 1)); err != nil || len(exported.GetSpans()) != 2 {
		t.Error(err)
	}
}

// disk is a journal that takes everything, or nothing.
type disk struct {
	batching.Journal
	err error
}

func (d disk) Append(context.Context, batching.Record, bool) error { return d.err }

func TestAnAppendHasASpan(t *testing.T) {
	provider, exported := newProvider(t)
	full := errors.New("full")
	for _, err := range []error{nil, full} {
		if got := tracing.Journal(provider, disk{err: err}).Append(t.Context(), batching.Record{Units: 3}, false); !errors.Is(got, err) {
			t.Error(got)
		}
	}
	spans := exported.GetSpans()
	if len(spans) != 2 || spans[0].Name != "journal append" || spans[1].Status.Code != codes.Error {
		t.Errorf("%+v", spans)
	}
}

// Off, nothing stands in a message's way and nothing is allocated for it.
func TestOffCostsNothing(t *testing.T) {
	next, journal := &taker{}, batching.Journal(disk{})
	if tracing.Publisher(nil, next) != message.Publisher(next) || tracing.Journal(nil, journal) != journal {
		t.Error("something is decorated")
	}
	handler := tracing.Handler(nil, "work")(func(*message.Message) ([]*message.Message, error) { return nil, nil })
	msg := request(sampled, 1)
	if n := testing.AllocsPerRun(100, func() { _, _ = handler(msg) }); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func BenchmarkHandler(b *testing.B) {
	work := func(*message.Message) ([]*message.Message, error) { return nil, nil }
	sdk := sdktrace.NewTracerProvider()
	defer func() { _ = sdk.Shutdown(context.Background()) }()
	for _, c := range []struct {
		name   string
		handle message.HandlerFunc
		form   string
	}{
		{"none", work, sampled},
		{"off", tracing.Handler(nil, "work")(work), sampled},
		{"on, not sampled", tracing.Handler(sdk, "work")(work), unsampled},
		{"on, sampled", tracing.Handler(sdk, "work")(work), sampled},
	} {
		b.Run(c.name, func(b *testing.B) {
			msg := request(c.form, 1)
			ctx := msg.Context()
			b.ReportAllocs()
			for b.Loop() {
				msg.SetContext(ctx)
				_, _ = c.handle(msg)
			}
		})
	}
}
