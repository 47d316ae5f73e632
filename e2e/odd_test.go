package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// oddLog is a log as it was sent.
type oddLog struct {
	message, service, host, level, trace, span string
	time                                       time.Time
	attributes                                 map[string]any
}

// Ways to send logs.
const (
	asArray = iota
	asLines
	asOTLP
	waysToSend
)

var oddLevels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

// oddPieces are what texts are made of.
var oddPieces = []string{
	"", "plain text ", "100%_\\", "\"quoted\" 'too' `", "{\"json\":[1]}", "\x00", "\x01\x1f\x7f\u0085", "\r\n\t", "\x1b[31mred\x1b[0m", "e\u0301\u0328\u20dd", "שלום \u202eمرحبا\u202c ",
	"👩‍👩‍👧‍👦🏳️‍🌈🦀", "日本語", "\u2028\u2029\ufeff\u200b", "\ufffd\uffff\U0010ffff", "𝔘𐍈\U000e0001\U0001f468", "<script>alert(1)</script>", "'; DROP TABLE logs; --", "=cmd|' /C calc'!A0", "ﷺİıſK",
	strings.Repeat("Z͑ͫ", 20), "\\u0000 \\x00 %00", "null", "\ue000\U000f0000",
}

// brokenPieces are no UTF-8, which only OTLP can carry.
var brokenPieces = []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "caf\xe9 ", "\xf4\x90\x80\x80", "\xe6\x97"}

// numbers that something on the way could not hold.
var oddNumbers = []any{
	0, -1, int64(math.MaxInt64), int64(math.MinInt64), int64(1)<<53 + 1, 0.1, -2.5e-300, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 123456789.123456789, math.Copysign(0, -1),
}

var oddKeys = []string{"", "a.b", "a", "é.ñ", "🦀", "with space", "\"", "millrace.raw.message", "service", "timestamp", strings.Repeat("k", 300), "$ne", "__proto__", "\u202e", "e\u0301", "é"}

// newOddLog makes the nth log, always the same.
func newOddLog(base time.Time, n, way int) *oddLog {
	random := rand.New(rand.NewPCG(6, uint64(n)))
	o := &oddLog{
		message: oddText(random, way, 6), service: oddServices[random.IntN(len(oddServices))], host: fmt.Sprint("host-", n%50), level: oddLevels[random.IntN(len(oddLevels))],
		time: base.Add(time.Duration(n)*time.Microsecond + time.Duration(n%1000)), attributes: map[string]any{"n": n},
	}
	switch {
	case n%100_000 == 77: // a few hundred KB
		piece := oddText(random, way, 8) + "x"
		o.message = strings.Repeat(piece, 300_000/len(piece)+1)[:100_000+random.IntN(200_000)]
		if way != asOTLP {
			o.message = strings.ToValidUTF8(o.message, "")
		}
	case n%5_000 == 78:
		o.time = time.Unix(0, int64(n)+1).UTC()
	case n%5_000 == 79:
		o.time = time.Date(2261, 12, 31, 23, 59, 59, 999_999_999-n%1000, time.UTC)
	case n%5_000 == 80:
		o.service = oddText(random, way, 3) + strings.Repeat("long", 400)
	case n%50 == 7:
		o.message = ""
	}
	if random.IntN(3) == 0 {
		o.trace, o.span = fmt.Sprintf("%016x%016x", random.Uint64()|1, random.Uint64()), fmt.Sprintf("%016x", random.Uint64()|1)
	}
	for range random.IntN(3) {
		o.attributes[oddKeys[random.IntN(len(oddKeys))]] = oddValue(random, way, 0)
	}
	return o
}

var oddServices = []string{"shop", "", "Ünïcode 🦀", "a/b?c=d&e#f", "nul\x00in it", "\u202eright", "'quoted\""}

func oddText(random *rand.Rand, way, most int) string {
	var b strings.Builder
	for range random.IntN(most) {
		switch {
		case way == asOTLP && random.IntN(30) == 0:
			b.WriteString(brokenPieces[random.IntN(len(brokenPieces))])
		case random.IntN(8) == 0: // any character of any plane
			if r := rune(random.IntN(0x110000)); utf8.ValidRune(r) {
				b.WriteRune(r)
			}
		default:
			b.WriteString(oddPieces[random.IntN(len(oddPieces))])
		}
	}
	return b.String()
}

func oddValue(random *rand.Rand, way, depth int) any {
	switch kind := random.IntN(8); {
	case kind == 0:
		return random.IntN(2) == 0
	case kind == 1:
		return nil
	case kind == 2:
		return oddNumbers[random.IntN(len(oddNumbers))]
	case kind == 3 && depth < 4:
		object := map[string]any{}
		for range random.IntN(3) {
			object[oddKeys[random.IntN(len(oddKeys))]] = oddValue(random, way, depth+1)
		}
		return object
	case kind == 4 && depth < 4:
		list := []any{}
		for range random.IntN(3) {
			list = append(list, oddValue(random, way, depth+1))
		}
		return list
	default:
		return oddText(random, way, 3)
	}
}

// oddBody writes logs as one request and returns its content type.
func oddBody(logs []*oddLog, way int) (body []byte, contentType string) {
	if way == asOTLP {
		for _, o := range logs {
			body = o.appendOTLP(body)
		}
		return body, "application/x-protobuf"
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	contentType = "application/x-ndjson"
	if way == asArray {
		contentType = "application/json"
		b.WriteByte('[')
	}
	for i, o := range logs {
		if way == asArray && i > 0 {
			b.WriteByte(',')
		}
		member := map[string]any{
			"message": o.message, "service": o.service, "host": o.host, "level": o.level, "timestamp": o.time.Format(time.RFC3339Nano), "attributes": o.attributes,
		}
		if o.trace != "" {
			member["trace_id"], member["span_id"] = o.trace, o.span
		}
		if err := encoder.Encode(member); err != nil {
			panic(err)
		}
	}
	if way == asArray {
		b.WriteByte(']')
	}
	return b.Bytes(), contentType
}

func bytesField(dst []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), value)
}

// appendOTLP appends the log as an ExportLogsServiceRequest; such concatenate.
func (o *oddLog) appendOTLP(dst []byte) []byte {
	record := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), uint64(o.time.UnixNano()))
	for i, level := range oddLevels {
		if level == o.level {
			record = protowire.AppendVarint(protowire.AppendTag(record, 2, protowire.VarintType), uint64(i*4+1))
		}
	}
	record = bytesField(record, 5, anyValue(o.message))
	for key, value := range o.attributes {
		record = bytesField(record, 6, keyValue(key, value))
	}
	if o.trace != "" {
		record = bytesField(bytesField(record, 9, unhexed(o.trace)), 10, unhexed(o.span))
	}
	resource := bytesField(bytesField(nil, 1, keyValue("service.name", o.service)), 1, keyValue("host.name", o.host))
	return bytesField(dst, 1, bytesField(bytesField(nil, 1, resource), 2, bytesField(nil, 2, record)))
}

func keyValue(key string, value any) []byte {
	return bytesField(bytesField(nil, 1, []byte(key)), 2, anyValue(value))
}

func anyValue(value any) (out []byte) {
	switch value := value.(type) {
	case string:
		return bytesField(nil, 1, []byte(value))
	case bool:
		return protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), protowire.EncodeBool(value))
	case int:
		return anyValue(int64(value))
	case int64:
		return protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), uint64(value))
	case float64:
		return protowire.AppendFixed64(protowire.AppendTag(nil, 4, protowire.Fixed64Type), math.Float64bits(value))
	case []any:
		for _, v := range value {
			out = bytesField(out, 1, anyValue(v))
		}
		return bytesField(nil, 5, out)
	case map[string]any:
		for k, v := range value {
			out = bytesField(out, 1, keyValue(k, v))
		}
		return bytesField(nil, 6, out)
	default:
		return nil
	}
}

func unhexed(digits string) []byte {
	raw := make([]byte, len(digits)/2)
	if _, err := fmt.Sscanf(digits, "%x", &raw); err != nil {
		panic(err)
	}
	return raw
}

// sameText compares a text that came back with one that was sent. Of one in an
// attribute that is no UTF-8 there is an object with its bytes.
func sameText(got any, sent string) bool {
	if text, ok := got.(string); ok {
		return text == sent
	}
	object, _ := got.(map[string]any)
	text, _ := object["base64"].(string)
	raw, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(object) == 2 && string(raw) == sent && !utf8.ValidString(sent)
}
