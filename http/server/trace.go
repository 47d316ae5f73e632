package server

import (
	"strings"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho"
	metric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced gives each request a span, a child of the caller's.
func traced(provider trace.TracerProvider) echo.MiddlewareFunc {
	if provider == nil {
		return func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	}
	return otelecho.Middleware("",
		otelecho.WithTracerProvider(provider),
		otelecho.WithPropagators(propagation.TraceContext{}),
		otelecho.WithMeterProvider(metric.NewMeterProvider()),
		otelecho.WithSkipper(func(c echo.Context) bool {
			path := c.Path()
			return path == "/metrics" || strings.HasPrefix(path, "/actuator")
		}),
	)
}
