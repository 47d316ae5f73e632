package postgres

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/codes"
	metric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const tracerName = "millrace/app/postgres"

// newTracer returns what gives each statement a span.
func newTracer(provider trace.TracerProvider) pgx.QueryTracer {
	return otelpgx.NewTracer(otelpgx.WithTracerProvider(provider), otelpgx.WithMeterProvider(metric.NewMeterProvider()),
		otelpgx.WithDisableAcquireTracer())
}

// inSpan does something within a span of its own, if anything is traced. pgx
// does not know of a COPY that is written byte by byte.
func inSpan(ctx context.Context, tracer trace.Tracer, name string, do func(context.Context) error) error {
	if tracer == nil {
		return do(ctx)
	}
	ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	err := do(ctx)
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

// nameSpan puts the span of a context into a message, for whoever gets it.
func nameSpan(ctx context.Context, msg *message.Message) {
	propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(msg.Metadata))
}
