package tracing

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"millrace/middleware/batching"
)

// Packer packs a batch: batching.Config.Pack.
type Packer func(batching.Batch) (*message.Message, error)

// Pack makes a packer remember which requests are in a batch, for Publisher.
func Pack(provider trace.TracerProvider, pack Packer) Packer {
	if provider == nil {
		return pack
	}
	return func(batch batching.Batch) (*message.Message, error) {
		msg, err := pack(batch)
		if err != nil {
			return nil, err
		}
		msg.SetContext(context.WithValue(msg.Context(), packedKey{}, packed{batch, linksOf(batch.Messages)}))
		return msg, nil
	}
}

// packed is what is known of a batch that became a message.
type packed struct {
	batch batching.Batch
	links []trace.Link
}

type packedKey struct{}

// linksOf returns links to the spans that the messages' metadata name and that
// are sampled. If none is, but one is named, that one is returned: whoever
// decided against it decided for the batch.
func linksOf(messages []*message.Message) []trace.Link {
	var links []trace.Link
	var other trace.SpanContext
	for _, msg := range messages {
		if len(links) == MaxLinks {
			break
		}
		named := trace.SpanContextFromContext(w3c.Extract(context.Background(), propagation.MapCarrier(msg.Metadata)))
		switch {
		case named.IsSampled():
			if n := len(links); n == 0 || !links[n-1].SpanContext.Equal(named) { // a message may be cut in parts
				links = append(links, trace.Link{SpanContext: named})
			}
		case named.IsValid():
			other = named
		}
	}
	if len(links) == 0 && other.IsValid() {
		links = append(links, trace.Link{SpanContext: other})
	}
	return links
}

// Publisher gives each message that Pack saw a span for the try to publish it,
// and names the span in its metadata. It belongs below the batching publisher.
func Publisher(provider trace.TracerProvider, next message.Publisher) message.Publisher {
	if provider == nil {
		return next
	}
	return &publisher{next, provider.Tracer(scope)}
}

type publisher struct {
	message.Publisher
	tracer trace.Tracer
}

// Publish implements message.Publisher.
func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	spans := make([]trace.Span, 0, len(messages))
	for _, msg := range messages {
		if batch, ok := msg.Context().Value(packedKey{}).(packed); ok {
			spans = append(spans, p.start(topic, msg, batch))
		}
	}
	err := p.Publisher.Publish(topic, messages...)
	for _, span := range spans {
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
	return err
}

func (p *publisher) start(topic string, msg *message.Message, of packed) trace.Span {
	ctx := msg.Context()
	if len(of.links) > 0 {
		ctx = trace.ContextWithRemoteSpanContext(ctx, of.links[0].SpanContext)
	}
	ctx, span := p.tracer.Start(ctx, "batch", trace.WithSpanKind(trace.SpanKindProducer), trace.WithLinks(of.links...), trace.WithAttributes(
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.destination.name", topic),
		attribute.String("messaging.message.id", msg.UUID),
		attribute.Int("messaging.batch.message_count", of.batch.Count),
		attribute.Int("millrace.batch.requests", len(of.batch.Messages)),
		attribute.Int("millrace.batch.bytes", of.batch.Bytes),
		attribute.String("millrace.batch.trigger", string(of.batch.Trigger)),
		attribute.Float64("millrace.batch.age", of.batch.SealedAt.Sub(of.batch.OpenedAt).Seconds()),
	))
	w3c.Inject(ctx, propagation.MapCarrier(msg.Metadata))
	return span
}
