package otlp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"millrace/app"
)

// readRaw reads a string, number or literal and returns its bytes, which stay
// as long as the body.
func (r *reader) readRaw() ([]byte, error) {
	v, err := r.json.ReadValue()
	if err != nil {
		return nil, r.syntax(err)
	}
	end := r.json.InputOffset()
	return r.body[end-int64(len(v)) : end], nil
}

// readText reads a string. What it returns stays until the next log.
func (r *reader) readText() ([]byte, error) {
	raw, err := r.readRaw()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	start := len(r.text)
	if r.text, err = jsontext.AppendUnquote(r.text, raw); err != nil {
		return nil, r.syntax(err)
	}
	return r.text[start:], nil
}

// attribute reads a value and appends it as an attribute.
func (r *reader) attribute(name []byte) error {
	var mark int
	r.attributes, mark = openKeyValue(r.attributes, recordAttributes, name)
	if err := r.value(keyValueValue, 0); err != nil {
		return err
	}
	r.attributes = shut(r.attributes, mark)
	return nil
}

// value reads a value and appends it as an AnyValue in field num.
func (r *reader) value(num fieldNumber, depth int) error {
	if depth++; depth > maxDepth {
		return r.fail("", "a value is nested deeper than %d", maxDepth)
	}
	kind := r.json.PeekKind()
	if kind == jsontext.KindString {
		s, err := r.readText()
		if err == nil {
			r.attributes = appendTextValue(r.attributes, num, s)
		}
		return err
	}
	var mark int
	r.attributes, mark = open(r.attributes, num)
	var err error
	switch kind {
	case jsontext.KindBeginObject:
		err = r.valueObject(depth)
	case jsontext.KindBeginArray:
		err = r.valueArray(depth)
	default:
		err = r.valueLiteral(kind)
	}
	r.attributes = shut(r.attributes, mark)
	return err
}

func (r *reader) valueLiteral(kind jsontext.Kind) error {
	raw, err := r.readRaw()
	if err != nil {
		return err
	}
	switch kind {
	case jsontext.KindNumber:
		r.attributes = appendNumberValue(r.attributes, raw)
	case jsontext.KindTrue:
		r.attributes = appendNumber(r.attributes, valueBool, 1)
	case jsontext.KindFalse:
		r.attributes = appendNumber(r.attributes, valueBool, 0)
	}
	return nil // null is an AnyValue that holds nothing
}

func (r *reader) valueArray(depth int) error {
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	var mark int
	r.attributes, mark = open(r.attributes, valueArray)
	for r.more(jsontext.KindEndArray) {
		if err := r.value(arrayValues, depth); err != nil {
			return err
		}
	}
	r.attributes = shut(r.attributes, mark)
	_, err := r.json.ReadToken()
	return r.syntax(err)
}

func (r *reader) valueObject(depth int) error {
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	var mark int
	r.attributes, mark = open(r.attributes, valueList)
	for r.more(jsontext.KindEndObject) {
		name, err := r.readText()
		if err != nil {
			return err
		}
		var pair int
		r.attributes, pair = openKeyValue(r.attributes, listValues, name)
		if err := r.value(keyValueValue, depth); err != nil {
			return err
		}
		r.attributes = shut(r.attributes, pair)
	}
	r.attributes = shut(r.attributes, mark)
	_, err := r.json.ReadToken()
	return r.syntax(err)
}

// fail returns an error about the current log.
func (r *reader) fail(field, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if r.line > 0 {
		message = fmt.Sprintf("%s %d: %s", r.where, r.line, message)
	}
	return &app.Error{Kind: app.KindInvalid, Message: message, Field: field, Line: r.line}
}

// syntax turns an error of the tokenizer into one about the current log. It
// returns nil for nil.
func (r *reader) syntax(err error) error {
	if err == nil {
		return nil
	}
	var at *jsontext.SyntacticError
	switch {
	case !errors.As(err, &at) || errors.Is(err, io.ErrUnexpectedEOF):
		return r.fail("", "the JSON is cut off")
	case r.where == "line" && at.ByteOffset >= int64(r.lineEnd):
		return r.fail("", "the JSON is cut off at the end of the line: send each log on one line")
	}
	first := bytes.LastIndexByte(r.body[:at.ByteOffset], '\n') + 1
	of := ""
	if r.where == "line" {
		of = " of the line"
	} else {
		first = 0
	}
	return r.fail("", "the JSON is broken at byte %d%s: %v", at.ByteOffset-int64(first)+1, of, at.Err)
}

// shorten quotes a value that was sent, or its beginning.
func shorten(value []byte) string {
	const limit = 60
	if len(value) <= limit {
		return fmt.Sprintf("%q", value)
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(value[cut]) {
		cut--
	}
	return fmt.Sprintf("%q…", value[:cut])
}
