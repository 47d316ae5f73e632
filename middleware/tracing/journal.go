package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"millrace/middleware/batching"
)

// Journal gives each record that is appended a span until it is on disk.
func Journal(provider trace.TracerProvider, next batching.Journal) batching.Journal {
	if provider == nil {
		return next
	}
	return &journal{next, provider.Tracer(scope)}
}

type journal struct {
	batching.Journal
	tracer trace.Tracer
}

// Append implements batching.Journal.
func (j *journal) Append(ctx context.Context, r batching.Record, wait bool) error {
	ctx, span := j.tracer.Start(ctx, "journal append", trace.WithAttributes(
		attribute.Int("millrace.logs", r.Units), attribute.Int("millrace.bytes", len(r.Head)+len(r.Body)),
	))
	defer span.End()
	err := j.Journal.Append(ctx, r, wait)
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}
