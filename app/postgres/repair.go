package postgres

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"millrace/app"
)

// PostgreSQL's text holds no NUL and nothing that is not UTF-8, and an index no
// long value. A log that has such is stored with what can be shown in its
// place, and what it had before, in base64, under rawPrefix in its attributes:
// nothing is lost, and the batch is not held up.
const rawPrefix = "millrace.raw."

// maxService is the longest service name in bytes. A row of a btree index is
// at most 2,704 bytes, of which this leaves enough for the rest.
const maxService = 1024

// nulSign stands in for NUL: U+2400 SYMBOL FOR NULL.
const nulSign = "\u2400"

// repair makes a log acceptable to PostgreSQL. Nearly every log is already.
func repair(log *app.Log) {
	var raw []string // name, original, name, original, …
	fix := func(name string, field *string, limit int) {
		if storable(*field) && (limit == 0 || len(*field) <= limit) {
			return
		}
		raw = append(raw, name, *field)
		*field = clean(*field)
		if limit > 0 && len(*field) > limit {
			*field = strings.ToValidUTF8((*field)[:limit], "")
		}
	}
	fix("message", &log.Message, 0)
	fix("service", &log.Service, maxService)
	fix("host", &log.Host, 0)
	attributes := log.Attributes
	if bytes.Contains(attributes, []byte(`\u`)) || !utf8.Valid(attributes) {
		cleaned, changed := cleanJSON(attributes)
		if changed {
			raw = append(raw, "attributes", string(attributes))
			attributes = cleaned
		}
	}
	if len(raw) > 0 {
		log.Attributes = withRaw(attributes, raw)
	}
}

func storable(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", nulSign)
}

// cleanJSON rewrites the strings of a JSON object that jsonb would refuse.
func cleanJSON(data []byte) ([]byte, bool) {
	var tree map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return nil, true // no JSON object at all: it is kept as raw
	}
	if utf8.Valid(data) && !bytes.Contains(data, []byte(`\u0000`)) && !bytes.Contains(data, []byte(`\ud`)) && !bytes.Contains(data, []byte(`\uD`)) {
		return data, false
	}
	out, err := json.Marshal(cleanValue(tree))
	if err != nil {
		return nil, true
	}
	return out, true
}

func cleanValue(value any) any {
	switch v := value.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = cleanValue(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[clean(key)] = cleanValue(inner)
		}
		return out
	default:
		return v
	}
}

// withRaw adds the originals to a JSON object.
func withRaw(object []byte, raw []string) []byte {
	out := []byte{'{'}
	if inner := bytes.TrimSpace(object); len(inner) > 2 {
		out = append(out, inner[1:len(inner)-1]...)
		out = append(out, ',')
	}
	for i := 0; i < len(raw); i += 2 {
		if i > 0 {
			out = append(out, ',')
		}
		out = app.AppendJSONString(out, rawPrefix+raw[i])
		out = append(out, ':', '"')
		out = base64.StdEncoding.AppendEncode(out, []byte(raw[i+1]))
		out = append(out, '"')
	}
	return append(out, '}')
}
