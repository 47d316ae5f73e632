// Package tracing gives messages and batches spans, and makes one trace of what
// becomes of a request on its way through queues:
//
//	POST /api/logs        the server's span, a child of the caller's (traceparent)
//	└─ ship               handler.go; from here on the message's metadata have its traceparent
//	   ├─ journal append  journal.go; the metadata are in the journal, and survive the process
//	   └─ batch           batches.go; also linked to the other requests in it
//	      └─ store        handler.go; traceparent came as a header of the Kafka record
//	         └─ project   handler.go; traceparent came with the event in the outbox
//
// A batch has many requests and a span has one parent: it is a child of the
// first request that is sampled, and has a link to each of them, MaxLinks at the
// most.
//
// Everything here takes a trace.TracerProvider. Where that is nil, tracing is
// off: the decorators return what they were given, so that nothing stands in
// the way of a message.
//
//	handler.go  Handler: a message's span
//	journal.go  Journal: an append's
//	batches.go  Pack and Publisher: a batch's, one for each try
package tracing

import "go.opentelemetry.io/otel/propagation"

// scope names this package as the maker of spans.
const scope = "millrace/middleware/tracing"

// MaxLinks is how many requests a batch's span is linked to.
const MaxLinks = 128

// w3c reads and writes traceparent and tracestate.
var w3c propagation.TraceContext
