// Package intake is where logs come in over HTTP, and a Watermill Subscriber:
// each request is one message, and the request is answered when the message is
// acked or nacked. So a client's 202 means what the handler's ack means.
//
//	POST /api/logs  JSON, one object or an array, or NDJSON  ─▶ 202 {"accepted": n}
//	POST /v1/logs   OTLP over HTTP, protobuf or JSON          ─▶ 200 ExportLogsServiceResponse
//
// Bodies may be compressed (gzip, zstd, deflate). A request is taken whole or
// not at all. What is wrong is answered as package problem says, on /v1/logs
// as a google.rpc.Status in the request's own encoding.
//
//	intake.go      Intake, its Config and what it needs: Decoder, Answers, Observer
//	subscriber.go  the Watermill side: Subscribe, Close, and sending a message
//	request.go     the HTTP side: a request's way from its headers to its answer
//	format.go      which of the formats a body is in
//	body.go        reading a body, within its limits
//	compression.go and out of its compression
//	refusal.go     what is answered otherwise
//	openapi.yaml   all of it described, for whoever sends logs; document.go reads it
//
// Bounds, whatever clients do: MaxRequests requests are handled at once, each
// of at most MaxBody bytes and all together of MaxMemory, with the payloads
// made of them beside it. What is over is refused while it comes in. A client
// has the server's time to send a body (see package server) and then waits no
// longer than Timeout.
package intake
