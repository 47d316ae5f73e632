package otlp

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"millrace/app"
)

// Response returns the body of an answer to a request that was taken, an
// ExportLogsServiceResponse: in OTLP's JSON if json, else in protobuf.
// rejected is how many logs of it were not taken, and message says why, or
// warns when rejected is 0. With neither, everything was taken: that is {} in
// JSON and no bytes at all in protobuf.
func Response(rejected int64, message string, json bool) []byte {
	const (
		partialSuccess protowire.Number = 1
		rejectedLogs   protowire.Number = 1
		errorMessage   protowire.Number = 2
	)
	message = strings.ToValidUTF8(message, "\ufffd")
	if json {
		if rejected == 0 && message == "" {
			return []byte("{}")
		}
		// 64-bit integers are strings in the JSON of protobuf.
		out := []byte(`{"partialSuccess":{"rejectedLogRecords":"`)
		out = strconv.AppendInt(out, rejected, 10)
		out = app.AppendJSONString(append(out, `","errorMessage":`...), message)
		return append(out, '}', '}')
	}
	if rejected == 0 && message == "" {
		return nil
	}
	out, mark := open(nil, partialSuccess)
	if rejected != 0 {
		out = appendNumber(out, rejectedLogs, uint64(rejected))
	}
	if message != "" {
		out = appendBytes(out, errorMessage, message)
	}
	return shut(out, mark)
}

// Status returns the body of an answer to a request that was refused, a
// google.rpc.Status: in JSON if json, else in protobuf. code is one of gRPC's
// codes, for which see google/rpc/code.proto; OTLP over HTTP allows 0.
func Status(code int32, message string, json bool) []byte {
	const (
		statusCode    protowire.Number = 1
		statusMessage protowire.Number = 2
	)
	message = strings.ToValidUTF8(message, "\ufffd")
	if json {
		out := append([]byte(nil), `{"code":`...)
		out = strconv.AppendInt(out, int64(code), 10)
		out = app.AppendJSONString(append(out, `,"message":`...), message)
		return append(out, '}')
	}
	var out []byte
	if code != 0 {
		out = appendNumber(out, statusCode, uint64(int64(code)))
	}
	if message != "" {
		out = appendBytes(out, statusMessage, message)
	}
	return out
}

// StatusCode returns gRPC's code for a kind of failure.
func StatusCode(kind app.Kind) int32 {
	switch kind {
	case app.KindInvalid, app.KindTooLarge:
		return 3 // INVALID_ARGUMENT
	case app.KindNotFound:
		return 5 // NOT_FOUND
	case app.KindFull, app.KindUnavailable:
		return 14 // UNAVAILABLE: OTLP clients come back
	case app.KindTimeout:
		return 4 // DEADLINE_EXCEEDED
	case app.KindConflict:
		return 9 // FAILED_PRECONDITION
	case app.KindUnauthenticated:
		return 16 // UNAUTHENTICATED
	case app.KindForbidden:
		return 7 // PERMISSION_DENIED
	case app.KindTooMany:
		return 8 // RESOURCE_EXHAUSTED
	default:
		return 13 // INTERNAL
	}
}
