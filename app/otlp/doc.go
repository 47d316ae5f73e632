// Package otlp is everything about logs on the wire: OpenTelemetry's
// ExportLogsServiceRequest (OTLP), which is what Kafka records and requests of
// OpenTelemetry SDKs hold, and the JSON that turns into it once, at intake.
//
// A payload is the bytes of one request. Payloads concatenate: the bytes of
// one after the bytes of another are a request with the logs of both.
// Counting and cutting walk the payload by its tags and decode nothing.
//
//	count.go      Count: how many logs, and whether all of it can be read
//	split.go      Split, Cutter: cut a payload so that it fits limits
//	codec.go      Codec: payload to app.Log (the port app.BatchCodec)
//	encode.go     Encode: app.Log to payload
//	encodejson.go app.Log to OTLP's JSON
//	fromjson.go   FromJSON, FromNDJSON: plain JSON to payload
//	otlpjson.go   FromOTLPJSON: OTLP's own JSON to payload
//	respond.go    Response, Status: what an OTLP server answers
//
// Beneath them:
//
//	wire.go       tags and lengths, read and written
//	schema.go     the messages of OTLP logs
//	walk.go       one walk over a payload; pack.go divides its items anew
//	anyvalue.go   AnyValues, written
//	render.go     and as JSON; members.go: its objects; share.go: what logs have in common
//	object.go     one plain JSON log; roles.go: what its members stand for
//	jsonread.go   its values; timestamp.go: its times
//	otlpfields.go the members of OTLP's JSON; otlpscalar.go: their values
//
// What Count accepts, Codec.Logs reads to the end. Errors about input are an
// *app.Error of app.KindInvalid. Every function is safe for concurrent use,
// and none changes its input or, unless it says so, keeps it.
package otlp
