package otel

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"
)

// Children returns a provider whose spans are only ever children: for clients
// of databases, whose polling and housekeeping would else fill the traces with
// spans that belong to nobody's request. Nil stays nil.
func Children(of trace.TracerProvider) trace.TracerProvider {
	if of == nil {
		return nil
	}
	return children{of: of}
}

type children struct {
	embedded.TracerProvider
	of trace.TracerProvider
}

// Tracer implements trace.TracerProvider.
func (c children) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return childTracer{of: c.of.Tracer(name, options...)}
}

type childTracer struct {
	embedded.Tracer
	of trace.Tracer
}

// Start implements trace.Tracer.
func (t childTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, noop.Span{}
	}
	return t.of.Start(ctx, name, options...)
}
