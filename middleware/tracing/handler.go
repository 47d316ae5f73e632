package tracing

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Handler returns a middleware that handles each message within a span of a
// name. The span's parent is the one in the message's context, else the one that
// its metadata name. From then on the metadata name the span, wherever the
// message goes.
func Handler(provider trace.TracerProvider, name string) message.HandlerMiddleware {
	if provider == nil {
		return func(next message.HandlerFunc) message.HandlerFunc { return next }
	}
	tracer := provider.Tracer(scope)
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			ctx, kind := msg.Context(), trace.SpanKindInternal
			if !trace.SpanContextFromContext(ctx).IsValid() {
				ctx, kind = w3c.Extract(ctx, propagation.MapCarrier(msg.Metadata)), trace.SpanKindConsumer
			}
			ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(kind),
				trace.WithAttributes(attribute.String("messaging.message.id", msg.UUID), attribute.Int("messaging.message.body.size", len(msg.Payload))))
			defer span.End()
			w3c.Inject(ctx, propagation.MapCarrier(msg.Metadata))
			msg.SetContext(ctx)
			produced, err := next(msg)
			if err != nil {
				span.RecordError(err)
				span.SetStatus(codes.Error, err.Error())
			}
			return produced, err
		}
	}
}
