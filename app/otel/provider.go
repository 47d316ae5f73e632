package otel

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"millrace/app"
)

const (
	// exportTimeout bounds each try to hand spans over.
	exportTimeout = 5 * time.Second
	// closeTimeout bounds the last one.
	closeTimeout = 5 * time.Second
	// exportEvery is how long spans wait for others to share their request.
	exportEvery = time.Second
)

// Provider makes spans and exports those that are sampled. What comes faster
// than it can be handed over is dropped: tracing never holds up what it
// traces. Safe for concurrent use.
type Provider struct {
	trace.TracerProvider
	sdk *sdktrace.TracerProvider
}

// Open returns a Provider for a service, such as "millrace-shipper". Nothing is
// connected to yet: a receiver that is away is told in the log once.
func Open(ctx context.Context, cfg app.TracingConfig, service string, logger *slog.Logger) (*Provider, error) {
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(tracesURL(cfg.Endpoint)),
		otlptracehttp.WithTimeout(exportTimeout),
		// The next spans come soon, and tell what these would have told.
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}),
	)
	if err != nil {
		return nil, app.Errorf(app.KindInvalid, "--tracing-endpoint is %q: %w", cfg.Endpoint, err)
	}
	sdk := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&telling{SpanExporter: exporter, logger: logger}, sdktrace.WithBatchTimeout(exportEvery), sdktrace.WithExportTimeout(exportTimeout)),
		// Whoever called us decides for the whole trace.
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Ratio))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.namespace", "millrace"))),
	)
	return &Provider{TracerProvider: sdk, sdk: sdk}, nil
}

// tracesURL adds the path that OTLP has for traces to an address without one.
func tracesURL(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return endpoint
	}
	u.Path = "/v1/traces"
	return u.String()
}

// Flush exports what has not been yet.
func (p *Provider) Flush(ctx context.Context) error { return p.sdk.ForceFlush(ctx) }

// Close exports what has not been yet, for a limited time.
func (p *Provider) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return p.sdk.Shutdown(ctx)
}
