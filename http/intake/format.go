package intake

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// format is how logs are written in a body. Its text is what MetaFormat and
// Observer show.
type format string

const (
	formatJSON      format = "json"       // one object or an array
	formatNDJSON    format = "ndjson"     // one object a line
	formatOTLPProto format = "otlp_proto" // an ExportLogsServiceRequest
	formatOTLPJSON  format = "otlp_json"  // the same in OTLP's JSON
	formatSniffed   format = ""           // formatJSON or formatNDJSON: the body tells
)

// plainFormat returns the format of a request to /api/logs. JSON is sniffed,
// since many send lines of it under its name, and so is what clients say when
// they were told nothing, as curl does.
func plainFormat(contentType string) (format, error) {
	switch mediaType(contentType) {
	case "application/json", "", "application/x-www-form-urlencoded", "text/plain", "text/json":
		return formatSniffed, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines", "application/x-jsonlines":
		return formatNDJSON, nil
	case "application/x-protobuf", "application/protobuf":
		return "", unsupported("send OTLP to /v1/logs; /api/logs takes application/json and application/x-ndjson")
	default:
		return "", unsupported("Content-Type " + contentType + " is not understood: use application/json or application/x-ndjson")
	}
}

// otlpFormat returns the format of a request to /v1/logs.
func otlpFormat(contentType string) (format, error) {
	switch mediaType(contentType) {
	case "application/x-protobuf", "application/protobuf":
		return formatOTLPProto, nil
	case "application/json":
		return formatOTLPJSON, nil
	default:
		return "", unsupported("Content-Type " + quoteOrNone(contentType) + " is not understood: use application/x-protobuf or application/json")
	}
}

// mediaType returns the type without its parameters, in lower case.
func mediaType(contentType string) string {
	name, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(name))
}

func quoteOrNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func unsupported(detail string) error {
	return echo.NewHTTPError(http.StatusUnsupportedMediaType, detail)
}

// sniff tells one JSON value from a sequence of objects. It follows the first
// object to its end: when anything comes after it, the body is NDJSON. What is
// no JSON at all is called JSON, whose decoder will say what is wrong.
func sniff(body []byte) format {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	start := skipSpace(body, 0)
	if start == len(body) || body[start] != '{' {
		return formatJSON
	}
	end := objectEnd(body, start)
	if skipSpace(body, end) == len(body) {
		return formatJSON
	}
	return formatNDJSON
}

func skipSpace(body []byte, from int) int {
	for from < len(body) && (body[from] == ' ' || body[from] == '\t' || body[from] == '\r' || body[from] == '\n') {
		from++
	}
	return from
}

// objectEnd returns the index behind the object that begins at start, or the
// body's length when it does not end.
func objectEnd(body []byte, start int) int {
	depth, inString := 0, false
	for i := start; i < len(body); i++ {
		switch b := body[i]; {
		case inString && b == '\\':
			i++ // whatever is escaped does not end the string
		case b == '"':
			inString = !inString
		case inString:
		case b == '{':
			depth++
		case b == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(body)
}
