package otlp_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"

	"millrace/app"
)

// reference turns a request into logs the slow and plain way, with protobuf's
// own types, as the doc comment of Codec.Logs says.
func reference(request *collector.ExportLogsServiceRequest, received time.Time) []app.Log {
	var out []app.Log
	for _, rl := range request.GetResourceLogs() {
		resource := plainObject(rl.GetResource().GetAttributes())
		for _, sl := range rl.GetScopeLogs() {
			for _, record := range sl.GetLogRecords() {
				out = append(out, referenceLog(record, sl.GetScope(), resource, received))
			}
		}
	}
	return out
}

func referenceLog(r *logs.LogRecord, scope *common.InstrumentationScope, resource ordered, received time.Time) app.Log {
	var l app.Log
	resource = append(ordered(nil), resource...)
	l.Service, resource = takeString(resource, "service.name")
	l.Host, resource = takeString(resource, "host.name")
	l.ReceivedAt = received
	if n := r.GetObservedTimeUnixNano(); n != 0 {
		l.ReceivedAt = time.Unix(int64(n/1e9), int64(n%1e9)).UTC()
	}
	l.Time = l.ReceivedAt
	if n := r.GetTimeUnixNano(); n != 0 {
		l.Time = time.Unix(int64(n/1e9), int64(n%1e9)).UTC()
	}
	number := int32(r.GetSeverityNumber())
	l.Level = app.LevelOfSeverity(number)
	if l.Level == 0 {
		l.Level, _ = app.ParseLevel(r.GetSeverityText())
	}
	if l.Level == 0 {
		l.Level = app.LevelInfo
	}
	if s, ok := r.GetBody().GetValue().(*common.AnyValue_StringValue); ok {
		l.Message = s.StringValue
	} else if known(r.GetBody()) {
		l.Message = toJSON(plain(r.GetBody()))
	}
	l.TraceID, l.SpanID = plainID(r.GetTraceId(), 16), plainID(r.GetSpanId(), 8)

	attributes := plainObject(r.GetAttributes())
	extra := func(when bool, key string, value any) {
		if when {
			attributes = attributes.free("log.", key, value)
		}
	}
	extra(r.GetEventName() != "", "event.name", r.GetEventName())
	extra(r.GetSeverityText() != "" && !strings.EqualFold(r.GetSeverityText(), l.Level.String()), "severity_text", r.GetSeverityText())
	extra(number != 0 && number != l.Level.Severity(), "severity_number", json.Number(strconv.Itoa(int(number))))
	extra(r.GetFlags() != 0, "flags", json.Number(strconv.Itoa(int(r.GetFlags()))))
	extra(r.GetDroppedAttributesCount() != 0, "dropped_attributes_count", json.Number(strconv.Itoa(int(r.GetDroppedAttributesCount()))))

	var shared ordered
	if scope.GetName() != "" {
		shared = shared.free("scope.", "otel.scope.name", scope.GetName())
	}
	if scope.GetVersion() != "" {
		shared = shared.free("scope.", "otel.scope.version", scope.GetVersion())
	}
	for _, m := range plainObject(scope.GetAttributes()) {
		shared = shared.free("scope.", m.key, m.value)
	}
	for _, m := range resource {
		shared = shared.free("resource.", m.key, m.value)
	}
	for _, m := range shared {
		attributes = attributes.free(m.prefix, m.key, m.value)
	}
	if len(attributes) > 0 {
		l.Attributes = json.RawMessage(toJSON(attributes.plainMap()))
	}
	return l
}

type pair struct {
	prefix, key string
	value       any
}

type ordered []pair

func (o ordered) has(key string) int {
	for i := range o {
		if o[i].key == key {
			return i
		}
	}
	return -1
}

func (o ordered) free(prefix, key string, value any) ordered {
	for o.has(key) >= 0 {
		key = prefix + key
	}
	return append(o, pair{prefix, key, value})
}

func (o ordered) plainMap() map[string]any {
	m := map[string]any{}
	for _, p := range o {
		m[p.key] = p.value
	}
	return m
}

func plainObject(attributes []*common.KeyValue) ordered {
	var out ordered
	for _, kv := range attributes {
		value := plain(kv.GetValue())
		if i := out.has(kv.GetKey()); i >= 0 {
			out[i].value = value
		} else {
			out = append(out, pair{"", kv.GetKey(), value})
		}
	}
	return out
}

func takeString(o ordered, key string) (string, ordered) {
	if i := o.has(key); i >= 0 {
		if s, ok := o[i].value.(string); ok && !strings.HasPrefix(s, notText) {
			return s, append(o[:i:i], o[i+1:]...)
		}
	}
	return "", o
}

// notText marks what JSON shows as a string though it is none.
const notText = "\x00not text\x00"

func plain(v *common.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_IntValue:
		return json.Number(strconv.FormatInt(v.IntValue, 10))
	case *common.AnyValue_DoubleValue:
		switch d := v.DoubleValue; {
		case math.IsNaN(d):
			return notText + "NaN"
		case math.IsInf(d, 1):
			return notText + "Infinity"
		case math.IsInf(d, -1):
			return notText + "-Infinity"
		default:
			text, _ := json.Marshal(d)
			return json.Number(text)
		}
	case *common.AnyValue_BytesValue:
		return notText + base64.StdEncoding.EncodeToString(v.BytesValue)
	case *common.AnyValue_ArrayValue:
		out := []any{}
		for _, e := range v.ArrayValue.GetValues() {
			out = append(out, plain(e))
		}
		return out
	case *common.AnyValue_KvlistValue:
		return plainObject(v.KvlistValue.GetValues()).plainMap()
	default:
		return nil
	}
}

func known(v *common.AnyValue) bool {
	switch v.GetValue().(type) {
	case nil, *common.AnyValue_StringValueStrindex:
		return false
	}
	return true
}

func plainID(id []byte, size int) string {
	if len(id) != size || strings.Trim(string(id), "\x00") == "" {
		return ""
	}
	return hex.EncodeToString(id)
}

// toJSON writes a value with its members sorted.
func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return strings.ReplaceAll(string(text), `\u0000not text\u0000`, "")
}

// sorted rewrites JSON with its members sorted, and doubles in one form.
func sorted(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "not JSON: " + string(text)
	}
	return toJSON(oneForm(v))
}

func oneForm(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = oneForm(value)
		}
	case []any:
		for i, value := range v {
			v[i] = oneForm(value)
		}
	case json.Number:
		if _, err := v.Int64(); err != nil {
			f, _ := v.Float64()
			return json.Number(strconv.FormatFloat(f, 'e', -1, 64))
		}
	}
	return v
}
