package otlp

import (
	"github.com/go-json-experiment/json/jsontext"

	"millrace/app"
)

// FromOTLPJSON turns an ExportLogsServiceRequest in OTLP's JSON, as a client
// sends it to /v1/logs with application/json, into a payload and says how many
// logs it holds. All is taken or, with an error, nothing.
//
// It is the JSON of protobuf with OTLP's exceptions: ids are hexadecimal, and
// unknown members are ignored. 64-bit integers may be numbers or strings,
// severities numbers or names, and names lowerCamelCase or, as protobuf's
// readers allow, snake_case. An error is of app.KindInvalid, its Field the
// JSON pointer to what is wrong, as in /resourceLogs/0/scopeLogs.
func FromOTLPJSON(body []byte) (payload []byte, count int, err error) {
	return convert(body, Intake{}, (*reader).readRequest)
}

func (r *reader) readRequest() error {
	if err := r.otlpMessage(shapeRequest, 0); err != nil {
		return err
	}
	return r.readEnd("send one request at a time")
}

// otlpMessage reads an object and appends its fields.
func (r *reader) otlpMessage(s shape, depth int) error {
	switch s {
	case shapeRecord:
		r.count++
	case shapeValue:
		if depth++; depth > maxDepth {
			return r.fail(string(r.json.StackPointer()), "a value is nested deeper than %d", maxDepth)
		}
	}
	if kind := r.json.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		if err := r.json.SkipValue(); err != nil { // so that the pointer is at it
			return r.syntax(err)
		}
		return r.failOTLP(otlpMessage, kindName(kind))
	}
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	for r.more(jsontext.KindEndObject) {
		r.text = r.text[:0]
		name, err := r.readText()
		if err != nil {
			return err
		}
		if err := r.otlpMember(s, name, depth); err != nil {
			return err
		}
	}
	_, err := r.json.ReadToken()
	return r.syntax(err)
}

// otlpMember reads the value of a member of a message.
func (r *reader) otlpMember(s shape, name []byte, depth int) error {
	field, known := otlpFields[s][string(name)]
	if !known {
		field, known = otlpFields[s][camel(name)]
	}
	kind := r.json.PeekKind()
	if !known || kind == jsontext.KindNull {
		return r.syntax(r.json.SkipValue())
	}
	if !field.repeated {
		return r.otlpField(field, depth)
	}
	if kind != jsontext.KindBeginArray && kind != jsontext.KindInvalid {
		return r.fail(string(r.json.StackPointer()), "%s is %s: want an array", r.json.StackPointer(), kindName(kind))
	}
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	for r.more(jsontext.KindEndArray) {
		if err := r.otlpField(field, depth); err != nil {
			return err
		}
	}
	_, err := r.json.ReadToken()
	return r.syntax(err)
}

// camel turns snake_case into lowerCamelCase.
func camel(name []byte) string {
	out := make([]byte, 0, len(name))
	upper := false
	for _, b := range name {
		switch {
		case b == '_':
			upper = true
			continue
		case upper && b >= 'a' && b <= 'z':
			b -= 'a' - 'A'
		}
		upper = false
		out = append(out, b)
	}
	return string(out)
}

// otlpField reads one value and appends it as a field.
func (r *reader) otlpField(field otlpField, depth int) error {
	if field.kind == otlpMessage {
		var mark int
		r.payload, mark = open(r.payload, field.num)
		if err := r.otlpMessage(field.inner, depth); err != nil {
			return err
		}
		r.payload = shut(r.payload, mark)
		return nil
	}
	var text []byte
	var err error
	kind := r.json.PeekKind()
	switch kind {
	case jsontext.KindString:
		text, err = r.readText()
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		err = r.json.SkipValue()
	default:
		text, err = r.readRaw()
	}
	if err != nil {
		return r.syntax(err)
	}
	grown, ok := appendOTLP(r.payload, field, kind, text)
	if !ok {
		what := kindName(kind)
		if kind == jsontext.KindString || kind == jsontext.KindNumber {
			what = shorten(text)
		}
		return r.failOTLP(field.kind, what)
	}
	r.payload = grown
	return nil
}

// failOTLP returns an error about the current value.
func (r *reader) failOTLP(kind otlpKind, what string) error {
	at := string(r.json.StackPointer())
	name := at
	if at == "" {
		name = "the body"
	}
	return &app.Error{Kind: app.KindInvalid, Field: at, Message: name + " is " + what + ": want " + kind.wants()}
}
