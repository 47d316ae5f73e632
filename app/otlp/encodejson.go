package otlp

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"millrace/app"
)

// EncodeJSON appends logs to dst as one ExportLogsServiceRequest in OTLP's JSON,
// in their order, on one line. Neighbours of the same service and host share
// one resource. It carries what Encode does.
func EncodeJSON(dst []byte, logs []app.Log) ([]byte, error) {
	dst = append(dst, `{"resourceLogs":[`...)
	for i := range logs {
		l := &logs[i]
		if i == 0 || l.Service != logs[i-1].Service || l.Host != logs[i-1].Host {
			if i > 0 {
				dst = append(dst, `]}]},`...)
			}
			dst = appendResource(dst, l)
		} else {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendRecord(dst, l); err != nil {
			return dst, err
		}
	}
	if len(logs) > 0 {
		dst = append(dst, `]}]}`...)
	}
	return append(dst, `]}`...), nil
}

// appendResource begins the logs of a service and host.
func appendResource(dst []byte, l *app.Log) []byte {
	dst = append(dst, `{"resource":{"attributes":[`...)
	before := len(dst)
	for _, attribute := range []struct{ name, value string }{{"service.name", l.Service}, {"host.name", l.Host}} {
		if attribute.value == "" {
			continue
		}
		if len(dst) > before {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"key":"`+attribute.name+`","value":{"stringValue":`...)
		dst = append(app.AppendJSONString(dst, attribute.value), `}}`...)
	}
	return append(dst, `]},"scopeLogs":[{"logRecords":[`...)
}

func appendRecord(dst []byte, l *app.Log) ([]byte, error) {
	dst = append(dst, `{"timeUnixNano":"`...)
	dst = append(strconv.AppendUint(dst, nanos(l.Time), 10), `","observedTimeUnixNano":"`...)
	dst = append(strconv.AppendUint(dst, nanos(l.ReceivedAt), 10), '"')
	if l.Level != 0 {
		dst = strconv.AppendInt(append(dst, `,"severityNumber":`...), int64(l.Level.Severity()), 10)
		dst = append(dst, `,"severityText":"`+l.Level.String()+`"`...)
	}
	dst = append(app.AppendJSONString(append(dst, `,"body":{"stringValue":`...), l.Message), '}')
	if l.TraceID != "" {
		dst = append(dst, `,"traceId":"`+l.TraceID+`"`...)
	}
	if l.SpanID != "" {
		dst = append(dst, `,"spanId":"`+l.SpanID+`"`...)
	}
	if len(l.Attributes) > 0 {
		decoder := jsontext.NewDecoder(bytes.NewReader(l.Attributes), decoding)
		var err error
		if dst, err = appendKeyValues(append(dst, `,"attributes":`...), decoder); err != nil {
			return dst, app.Errorf(app.KindInvalid, "attributes are no JSON object: %w", err)
		}
	}
	return append(dst, '}'), nil
}

// appendKeyValues writes the object that the decoder is at as a list of KeyValue.
func appendKeyValues(dst []byte, decoder *jsontext.Decoder) ([]byte, error) {
	token, err := decoder.ReadToken()
	if err != nil {
		return dst, err
	}
	if token.Kind() != '{' {
		return dst, errors.New("want an object")
	}
	dst = append(dst, '[')
	for first := true; decoder.PeekKind() != '}'; first = false {
		key, err := decoder.ReadToken()
		if err != nil {
			return dst, err
		}
		if !first {
			dst = append(dst, ',')
		}
		dst = app.AppendJSONString(append(dst, `{"key":`...), key.String())
		if dst, err = appendAnyValue(append(dst, `,"value":`...), decoder); err != nil {
			return dst, err
		}
		dst = append(dst, '}')
	}
	_, err = decoder.ReadToken()
	return append(dst, ']'), err
}

// appendAnyValue writes the value that the decoder is at as an AnyValue.
func appendAnyValue(dst []byte, decoder *jsontext.Decoder) (_ []byte, err error) {
	switch decoder.PeekKind() {
	case '{':
		if dst, err = appendKeyValues(append(dst, `{"kvlistValue":{"values":`...), decoder); err != nil {
			return dst, err
		}
		return append(dst, `}}`...), nil
	case '[':
		if dst, err = appendArrayValue(append(dst, `{"arrayValue":{"values":`...), decoder); err != nil {
			return dst, err
		}
		return append(dst, `}}`...), nil
	}
	token, err := decoder.ReadToken()
	if err != nil {
		return dst, err
	}
	switch token.Kind() {
	case '"':
		dst = app.AppendJSONString(append(dst, `{"stringValue":`...), token.String())
	case 't', 'f':
		dst = strconv.AppendBool(append(dst, `{"boolValue":`...), token.Bool())
	case '0':
		dst = appendJSONNumber(dst, token.String())
	default: // null is a value that is not set
		dst = append(dst, '{')
	}
	return append(dst, '}'), nil
}

func appendArrayValue(dst []byte, decoder *jsontext.Decoder) ([]byte, error) {
	if _, err := decoder.ReadToken(); err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	for first := true; decoder.PeekKind() != ']'; first = false {
		if !first {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendAnyValue(dst, decoder); err != nil {
			return dst, err
		}
	}
	_, err := decoder.ReadToken()
	return append(dst, ']'), err
}

// appendJSONNumber begins an AnyValue with a number: an integer of 64 bits is
// one, what a double holds is that, and any other keeps its digits as a text.
func appendJSONNumber(dst []byte, digits string) []byte {
	if _, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return append(dst, `{"intValue":"`+digits+`"`...)
	}
	if _, err := strconv.ParseFloat(digits, 64); err == nil && strings.ContainsAny(digits, ".eE") {
		return append(dst, `{"doubleValue":`+digits...)
	}
	return append(dst, `{"stringValue":"`+digits+`"`...)
}
