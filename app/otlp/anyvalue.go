package otlp

import (
	"bytes"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

type fieldNumber = protowire.Number

// openKeyValue begins a KeyValue message in field num and appends its key.
func openKeyValue(dst []byte, num fieldNumber, key []byte) (grown []byte, mark int) {
	dst, mark = open(dst, num)
	return appendBytes(dst, keyValueKey, key), mark
}

// appendTextValue appends an AnyValue that is a string, in field num.
func appendTextValue[T string | []byte](dst []byte, num fieldNumber, s T) []byte {
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(sizeField(len(s))))
	return appendBytes(dst, valueString, s)
}

// appendTextAttribute appends a KeyValue with a string, unless that is empty.
func appendTextAttribute(dst []byte, num fieldNumber, key string, s []byte) []byte {
	if len(s) == 0 {
		return dst
	}
	dst, mark := openKeyValue(dst, num, []byte(key))
	return shut(appendTextValue(dst, keyValueValue, s), mark)
}

// appendNumberValue appends the field of an AnyValue that holds a JSON number
// without loss: an integer of 64 bits, a double, or else its literal.
func appendNumberValue(dst []byte, literal []byte) []byte {
	if !bytes.ContainsAny(literal, ".eE") && string(literal) != "-0" {
		if n, err := strconv.ParseInt(alias(literal), 10, 64); err == nil {
			return appendNumber(dst, valueInt, uint64(n))
		}
		return appendBytes(dst, valueString, literal)
	}
	v, err := strconv.ParseFloat(alias(literal), 64)
	if err != nil || !exact(literal, v) {
		return appendBytes(dst, valueString, literal)
	}
	dst = protowire.AppendTag(dst, valueDouble, protowire.Fixed64Type)
	return protowire.AppendFixed64(dst, math.Float64bits(v))
}

// exact tells whether the shortest number that reads as v is the literal's.
func exact(literal []byte, v float64) bool {
	var a, b [40]byte
	written := parseDecimal(a[:0], literal)
	if len(written.digits) <= 15 && written.point > -290 && written.point < 290 {
		return true // so many digits always survive
	}
	var text [32]byte
	kept := parseDecimal(b[:0], strconv.AppendFloat(text[:0], v, 'e', -1, 64))
	return written.point == kept.point && bytes.Equal(written.digits, kept.digits)
}

// decimal is the number ±0.d₁d₂d₃… × 10^point, without zeros at either end.
type decimal struct {
	negative bool
	digits   []byte
	point    int
}

// parseDecimal reads a JSON number exactly. It appends the digits to dst.
func parseDecimal(dst []byte, literal []byte) decimal {
	d := decimal{digits: dst[:0]}
	seenPoint := false
	for i, b := range literal {
		switch {
		case b == '-':
			d.negative = true
		case b == '.':
			seenPoint = true
		case b == 'e' || b == 'E':
			d.point += exponent(literal[i+1:])
			return d.trim()
		case b == '0' && len(d.digits) == 0:
			if seenPoint {
				d.point--
			}
		default:
			d.digits = append(d.digits, b)
			if !seenPoint {
				d.point++
			}
		}
	}
	return d.trim()
}

// exponent reads an exponent; one beyond a million is as good as a million.
func exponent(s []byte) int {
	n, err := strconv.Atoi(alias(s))
	if err != nil && s[0] == '-' {
		n = math.MinInt32
	} else if err != nil {
		n = math.MaxInt32
	}
	return max(-1e6, min(n, 1e6))
}

func (d decimal) trim() decimal {
	d.digits = bytes.TrimRight(d.digits, "0")
	if len(d.digits) == 0 {
		d.point = 0
	}
	return d
}
