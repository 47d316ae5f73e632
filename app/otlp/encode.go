package otlp

import (
	"bytes"
	"encoding/hex"

	"millrace/app"
)

// Encode returns logs as a payload, in their order. Neighbours of the same
// service and host share one resource. Reading it with Codec.Logs gives the
// same logs, but for ID and BatchID, which OTLP has no place for, and for
// times before 1970 or after 2554, which become unknown; no Level is INFO.
//
// Attributes must be nil or a JSON object in UTF-8, and ids hexadecimal or
// empty: anything else is an error of app.KindInvalid whose Line is the log's
// place from 1.
func Encode(logs []app.Log) ([]byte, error) {
	r := readers.Get().(*reader)
	defer r.release()
	r.start(nil, Intake{})
	r.where = "log"
	for i := range logs {
		r.line = i + 1
		if err := r.encode(&logs[i]); err != nil {
			return nil, err
		}
	}
	return bytes.Clone(r.finish()), nil
}

func (r *reader) encode(l *app.Log) error {
	r.attributes, r.text = r.attributes[:0], r.text[:0]
	if len(l.Attributes) > 0 {
		r.body, r.lineEnd = l.Attributes, len(l.Attributes)
		r.input = *bytes.NewBuffer(l.Attributes)
		r.json.Reset(&r.input, decoding)
		if r.json.PeekKind() != '{' {
			return r.fail("attributes", "attributes are no JSON object")
		}
		if err := r.readAttributes(); err != nil {
			return err
		}
		if err := r.readEnd("attributes are one object"); err != nil {
			return err
		}
	}
	r.payload = r.group.enter(r.payload, []byte(l.Service), []byte(l.Host))
	p, mark := open(r.payload, scopeLogsRecords)
	if at := nanos(l.Time); at != 0 {
		p = appendFixed64(p, recordTime, at)
	}
	if l.Level != 0 {
		p = appendNumber(p, recordSeverityNumber, uint64(l.Level.Severity()))
	}
	if l.Message != "" {
		p = appendTextValue(p, recordBody, l.Message)
	}
	p = append(p, r.attributes...)
	for _, id := range []struct {
		num  fieldNumber
		name string
		hex  string
	}{{recordTraceID, "trace_id", l.TraceID}, {recordSpanID, "span_id", l.SpanID}} {
		if id.hex == "" {
			continue
		}
		raw, err := hex.DecodeString(id.hex)
		if err != nil {
			return r.fail(id.name, "%s is %q: want hexadecimal digits", id.name, id.hex)
		}
		p = appendBytes(p, id.num, raw)
	}
	if observed := nanos(l.ReceivedAt); observed != 0 {
		p = appendFixed64(p, recordObserved, observed)
	}
	r.payload = shut(p, mark)
	return nil
}
