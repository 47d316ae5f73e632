package otlp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"

	"millrace/app"
	"millrace/app/otlp"
)

var (
	received = time.Date(2026, 11, 23, 10, 0, 1, 500, time.UTC)
	intake   = otlp.Intake{Received: received}
)

// walk reads a payload that is good.
func walk(t testing.TB, payload []byte) []app.Log {
	t.Helper()
	var out []app.Log
	for l, err := range (otlp.Codec{}).Logs(payload, received) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, clone(l))
	}
	return out
}

// clone copies what a walk over logs handed out.
func clone(l *app.Log) app.Log {
	c := *l
	for _, s := range []*string{&c.Service, &c.Host, &c.Message, &c.TraceID, &c.SpanID} {
		*s = strings.Clone(*s)
	}
	c.Attributes = bytes.Clone(c.Attributes)
	return c
}

// compareLogs compares logs; the order of attributes does not matter.
func compareLogs(t testing.TB, got, want []app.Log) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d logs, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if a, b := sorted(g.Attributes), sorted(w.Attributes); a != b {
			t.Fatalf("log %d: attributes\n%s, want\n%s", i, a, b)
		}
		if g.Message != w.Message && (!json.Valid([]byte(g.Message)) || sorted([]byte(g.Message)) != sorted([]byte(w.Message))) {
			t.Fatalf("log %d: message %q, want %q", i, g.Message, w.Message)
		}
		if !g.Time.Equal(w.Time) || !g.ReceivedAt.Equal(w.ReceivedAt) || g.Level != w.Level || g.Service != w.Service ||
			g.Host != w.Host || g.TraceID != w.TraceID || g.SpanID != w.SpanID {
			t.Fatalf("log %d:\n%+v, want\n%+v", i, g, w)
		}
	}
}

// duplicate returns an error when an object in the JSON has a name twice.
func duplicate(text []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func countOf(request *collector.ExportLogsServiceRequest) (n int) {
	for _, rl := range request.GetResourceLogs() {
		for _, sl := range rl.GetScopeLogs() {
			n += len(sl.GetLogRecords())
		}
	}
	return n
}

func marshal(m proto.Message) []byte {
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return out
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

func kv(key string, v *common.AnyValue) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: v}
}

func list(pairs ...*common.KeyValue) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: pairs}}}
}

func array(values ...*common.AnyValue) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: values}}}
}

func request(resourceAttributes []*common.KeyValue, scope *common.InstrumentationScope, records ...*logs.LogRecord) *collector.ExportLogsServiceRequest {
	return &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: resourceAttributes},
		SchemaUrl: "https://opentelemetry.io/schemas/1.37.0",
		ScopeLogs: []*logs.ScopeLogs{{Scope: scope, LogRecords: records, SchemaUrl: "https://example.com/scope"}},
	}}}
}

// nested returns a value with a string at a depth.
func nested(depth int) *common.AnyValue {
	v := text("deep")
	for range depth - 1 {
		v = array(v)
	}
	return v
}

// nastyPayloads are requests that are good but odd, and bytes that are none.
func nastyPayloads() [][]byte {
	records := make([]*logs.LogRecord, 5)
	for i := range records {
		records[i] = &logs.LogRecord{TimeUnixNano: uint64(i + 1), Body: text(strings.Repeat("x", 40*i)), SeverityNumber: logs.SeverityNumber(6 * i),
			SeverityText: []string{"", "info", "Warning", "loud", "FATAL"}[i], EventName: strings.Repeat("e", i%2), Flags: uint32(i),
			TraceId: bytes.Repeat([]byte{byte(i)}, 16), SpanId: bytes.Repeat([]byte{byte(i)}, 4*i),
			Attributes: []*common.KeyValue{kv("a", text("own")), kv("a", array(text("last"), nil, list(kv("k", nil), kv("k", text("2"))))), kv("event.name", text("own"))}}
	}
	many := make([]*common.KeyValue, 40)
	for i := range many {
		many[i] = kv(strings.Repeat("k", i%30), text("v"))
	}
	scope := &common.InstrumentationScope{Name: "lib", Version: "1", Attributes: []*common.KeyValue{kv("a", text("scope's")), kv("otel.scope.name", text("x"))}}
	of := []*common.KeyValue{kv("service.name", text("shop")), kv("host.name", text("web-1")), kv("a", text("resource's"))}
	two := request(of, scope, records...)
	two.ResourceLogs = append(two.ResourceLogs, &logs.ResourceLogs{}, request(many, nil, records[:2]...).ResourceLogs[0])
	behind := slices.Concat([]byte{0x0a, 31}, []byte{0x12, 2, 0x12, 0}, []byte{0x0a, 23, 0x0a, 21, 0x0a, 12}, []byte("service.name"), []byte{0x12, 5, 0x0a, 3, 'a', 0xff, 'b'}, []byte{0x20, 1})
	return [][]byte{
		nil, {}, marshal(two), marshal(request(nil, nil, records...)), behind,
		marshal(request(many, scope, &logs.LogRecord{Attributes: many, Body: list(many...)})),
		marshal(request(nil, nil, &logs.LogRecord{Body: nested(64)})),
		marshal(request(nil, nil, &logs.LogRecord{Body: nested(65)})),
		{0x0a}, {0x0a, 0xff}, {0x0b, 0x0c}, {0}, {0x0a, 0}, {0x0a, 2, 0x12, 0}, {0x0a, 4, 0x12, 2, 0x12, 0},
		{0x0a, 4, 0x12, 2, 0x12, 1}, bytes.Repeat([]byte{0xff}, 12), {0x0a, 0x84, 0x80, 0x00, 0x12, 2, 0x12, 0},
		{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, {0x0d, 1, 2}, {0x09, 1, 2, 3, 4, 5, 6, 7},
	}
}
