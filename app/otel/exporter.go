package otel

import (
	"context"
	"log/slog"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// telling is an exporter whose failures go to our log, the first of each row,
// and not to the SDK's, which is global.
type telling struct {
	sdktrace.SpanExporter
	logger *slog.Logger
	away   bool // the SDK exports from one goroutine at a time
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *telling) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.away:
		e.away = true
		e.logger.Warn("spans are lost until tracing-endpoint takes them", "error", err)
	case err == nil && e.away:
		e.away = false
		e.logger.Info("tracing-endpoint takes spans again")
	}
	return nil
}
