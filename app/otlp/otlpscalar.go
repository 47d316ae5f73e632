package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	"millrace/app"
)

// appendOTLP appends a scalar field from the text of a string or the literal
// of anything else. It returns false when that is no value for the field.
func appendOTLP(dst []byte, field otlpField, kind jsontext.Kind, text []byte) ([]byte, bool) {
	isText := kind == jsontext.KindString
	if !isText && kind != jsontext.KindNumber {
		return appendNumber(dst, field.num, truth(kind)), field.kind == otlpBool &&
			(kind == jsontext.KindTrue || kind == jsontext.KindFalse)
	}
	switch field.kind {
	case otlpText:
		return appendBytes(dst, field.num, text), isText
	case otlpNanos:
		v, negative, ok := parseInteger(text)
		return appendFixed64(dst, field.num, v), ok && !negative
	case otlpSeverity:
		v, ok := parseSeverity(text)
		return appendNumber(dst, field.num, v), ok
	case otlpUint32:
		v, negative, ok := parseInteger(text)
		return appendNumber(dst, field.num, v), ok && !negative && v <= math.MaxUint32
	case otlpFixed32:
		v, negative, ok := parseInteger(text)
		dst = protowire.AppendTag(dst, field.num, protowire.Fixed32Type)
		return protowire.AppendFixed32(dst, uint32(v)), ok && !negative && v <= math.MaxUint32
	case otlpInt64:
		v, negative, ok := parseInteger(text)
		if negative {
			return appendNumber(dst, field.num, -v), ok && v <= 1<<63
		}
		return appendNumber(dst, field.num, v), ok && v < 1<<63
	case otlpDouble:
		v, ok := parseDouble(text)
		return appendFixed64(dst, field.num, math.Float64bits(v)), ok
	case otlpBase64:
		v, ok := parseBase64(text)
		return appendBytes(dst, field.num, v), ok && isText
	case otlpTraceID:
		return appendHexID(dst, field.num, text, 16)
	case otlpSpanID:
		return appendHexID(dst, field.num, text, 8)
	default:
		return dst, false
	}
}

func truth(kind jsontext.Kind) uint64 {
	if kind == jsontext.KindTrue {
		return 1
	}
	return 0
}

// parseInteger reads an integer, also one written with a fraction of zeros or
// an exponent, as its size and its sign.
func parseInteger(text []byte) (size uint64, negative, ok bool) {
	if v, err := strconv.ParseUint(alias(text), 10, 64); err == nil {
		return v, false, true
	}
	if !isNumber(text) {
		return 0, false, false
	}
	var digits [40]byte
	d := parseDecimal(digits[:0], text)
	if d.point < len(d.digits) {
		return 0, false, false
	}
	size, err := d.integer(d.point)
	return size, d.negative && size > 0, err == nil
}

// parseSeverity reads an enum value: its number, or a name such as
// SEVERITY_NUMBER_INFO or SEVERITY_NUMBER_INFO2.
func parseSeverity(text []byte) (uint64, bool) {
	if v, negative, ok := parseInteger(text); ok {
		// Enums are open: a number without a name is kept.
		if negative {
			return -v, v <= 1<<31
		}
		return v, v < 1<<31
	}
	name, ok := strings.CutPrefix(string(text), "SEVERITY_NUMBER_")
	if !ok {
		return 0, false
	}
	if name == "UNSPECIFIED" {
		return 0, true
	}
	base := strings.TrimRight(name, "234")
	level, ok := app.ParseLevel(base)
	if !ok || level.String() != base || len(name) > len(base)+1 {
		return 0, false
	}
	step := int32(0)
	if len(name) > len(base) {
		step = int32(name[len(base)] - '1')
	}
	return uint64(level.Severity() + step), true
}

func parseDouble(text []byte) (float64, bool) {
	switch string(text) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if !isNumber(text) {
		return 0, false
	}
	v, err := strconv.ParseFloat(alias(text), 64)
	return v, err == nil
}

// parseBase64 reads both alphabets, with and without padding.
func parseBase64(text []byte) ([]byte, bool) {
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	out, err := encoding.DecodeString(strings.TrimRight(string(text), "="))
	return out, err == nil
}

// appendHexID appends an id of size bytes; an empty one is none.
func appendHexID(dst []byte, num fieldNumber, text []byte, size int) ([]byte, bool) {
	if len(text) == 0 {
		return dst, true
	}
	var id [16]byte
	if len(text) != 2*size {
		return dst, false
	}
	_, err := hex.Decode(id[:size], text)
	return appendBytes(dst, num, id[:size]), err == nil
}
