package otlp

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	"millrace/app"
)

// renderer turns AnyValues into JSON. It keeps its memory between values.
type renderer struct {
	levels []*members // one for each depth at which an object may stand
}

// anyValue is what an AnyValue message holds.
type anyValue struct {
	kind   protowire.Number // valueString…, or 0 for none
	bytes  []byte
	number uint64
	broken bool
}

// valueTypes are the wire types of the fields of AnyValue, by number.
var valueTypes = [...]protowire.Type{
	valueString: protowire.BytesType, valueBool: protowire.VarintType, valueInt: protowire.VarintType,
	valueDouble: protowire.Fixed64Type, valueArray: protowire.BytesType, valueList: protowire.BytesType,
	valueBytes: protowire.BytesType,
}

// lastValue reads an AnyValue: of several values the last counts.
func lastValue(message []byte) anyValue {
	var v anyValue
	f := fields{buf: message}
	for f.next() {
		if f.num >= valueString && f.num <= valueBytes && f.typ == valueTypes[f.num] {
			v.kind, v.bytes, v.number = f.num, f.bytes, f.number
		}
	}
	v.broken = f.broken
	return v
}

// appendValue appends an AnyValue message as JSON. It returns false when the
// message cannot be read, or nests too deep.
func (r *renderer) appendValue(dst, message []byte, depth int) ([]byte, bool) {
	if depth++; depth > maxDepth {
		return dst, false
	}
	v := lastValue(message)
	switch v.kind {
	case valueString:
		dst = appendText(dst, alias(v.bytes))
	case valueBool:
		dst = strconv.AppendBool(dst, v.number != 0)
	case valueInt:
		dst = strconv.AppendInt(dst, int64(v.number), 10)
	case valueDouble:
		dst = appendDouble(dst, math.Float64frombits(v.number))
	case valueArray:
		return r.appendArray(dst, v.bytes, depth)
	case valueList:
		return r.appendObject(dst, v.bytes, depth)
	case valueBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.bytes)
		dst = append(dst, '"')
	default:
		dst = append(dst, "null"...)
	}
	return dst, !v.broken
}

func (r *renderer) appendArray(dst, message []byte, depth int) ([]byte, bool) {
	dst = append(dst, '[')
	first := true
	f := fields{buf: message}
	for f.next() {
		if !f.is(arrayValues) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		var ok bool
		if dst, ok = r.appendValue(dst, f.bytes, depth); !ok {
			return dst, false
		}
	}
	return append(dst, ']'), !f.broken
}

func (r *renderer) appendObject(dst, message []byte, depth int) ([]byte, bool) {
	for len(r.levels) <= depth {
		r.levels = append(r.levels, &members{})
	}
	m := r.levels[depth]
	m.reset()
	if !m.putAll(message, listValues) {
		return dst, false
	}
	dst, ok := r.appendMembers(append(dst, '{'), m, depth)
	return append(dst, '}'), ok
}

// appendMembers appends "key":value,… without braces.
func (r *renderer) appendMembers(dst []byte, m *members, depth int) ([]byte, bool) {
	for i := range m.list {
		if i > 0 {
			dst = append(dst, ',')
		}
		member := &m.list[i]
		dst = app.AppendJSONString(dst, member.key)
		dst = append(dst, ':')
		if member.rendered {
			dst = append(dst, member.value...)
			continue
		}
		var ok bool
		if dst, ok = r.appendValue(dst, member.value, depth); !ok {
			return dst, false
		}
	}
	return dst, true
}

// appendText appends a JSON string; for text that is not UTF-8, which JSON
// cannot hold, an object with the text as well as it can be read and its bytes.
func appendText(dst []byte, s string) []byte {
	if utf8.ValidString(s) {
		return app.AppendJSONString(dst, s)
	}
	dst = app.AppendJSONString(append(dst, `{"text":`...), strings.ToValidUTF8(s, "\ufffd"))
	dst = append(dst, `,"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, '"', '}')
}

// appendDouble appends the shortest number that reads back as v. From 2^63 on
// it has an exponent, lest it be taken for an integer that fits no 64 bits.
func appendDouble(dst []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	case math.Abs(v) >= 1<<63:
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return jsontext.AppendFloat(dst, v, 64)
}
