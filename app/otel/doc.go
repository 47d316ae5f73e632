// Package otel exports traces to an OpenTelemetry receiver, by OTLP over HTTP.
//
// Nothing here is global: whoever makes spans is handed a
// trace.TracerProvider. There is none, nil, while tracing is off; what is given
// none traces nothing and costs nothing.
//
//	provider.go  Open, and the Provider that exports
//	exporter.go  telling once that nobody takes spans, and that somebody does again
//	children.go  a provider for those whose own work is nobody's trace
package otel
