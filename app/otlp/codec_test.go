package otlp_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"

	"millrace/app"
	"millrace/app/otlp"
)

func TestAttributesKeepEverything(t *testing.T) {
	double := func(d float64) *common.AnyValue {
		return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: d}}
	}
	shop := []*common.KeyValue{kv("service.name", text("shop")), kv("host.name", text("web-1")), kv("zone", text("eu"))}
	lib := &common.InstrumentationScope{Name: "lib", Version: "2", Attributes: []*common.KeyValue{kv("zone", text("s"))}}
	for _, c := range []struct {
		name     string
		resource []*common.KeyValue
		scope    *common.InstrumentationScope
		record   *logs.LogRecord
		want     string
	}{
		{"none", nil, nil, &logs.LogRecord{}, ``},
		{"all kinds", nil, nil, &logs.LogRecord{Attributes: []*common.KeyValue{
			kv("s", text("é\"")), kv("b", &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}),
			kv("i", &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: math.MinInt64}}),
			kv("d", double(0.1)), kv("big", double(1e300)), kv("nan", double(math.NaN())), kv("inf", double(math.Inf(-1))), kv("zero", double(math.Copysign(0, -1))),
			kv("bytes", &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte{0xff, 0}}}),
			kv("empty", &common.AnyValue{}), kv("none", nil), kv("list", array(text("x"), array(), list(kv("", text("y")))))}},
			`{"s":"é\"","b":true,"i":-9223372036854775808,"d":0.1,"big":1e+300,"nan":"NaN","inf":"-Infinity","zero":-0,"bytes":"/wA=","empty":null,"none":null,"list":["x",[],{"":"y"}]}`},
		{"the last of one key", nil, nil, &logs.LogRecord{Attributes: []*common.KeyValue{kv("a", text("1")), kv("b", list(kv("x", text("1")), kv("x", text("2")))), kv("a", text("2"))}},
			`{"a":"2","b":{"x":"2"}}`},
		{"resource", shop, nil, &logs.LogRecord{}, `{"zone":"eu"}`},
		{"resource, scope and own", shop, lib, &logs.LogRecord{Attributes: []*common.KeyValue{kv("a", text("1"))}},
			`{"a":"1","otel.scope.name":"lib","otel.scope.version":"2","zone":"s","resource.zone":"eu"}`},
		{"conflicts", shop, lib, &logs.LogRecord{EventName: "e", Attributes: []*common.KeyValue{kv("zone", text("own")), kv("event.name", text("own")), kv("resource.zone", text("own"))}},
			`{"zone":"own","event.name":"own","resource.zone":"own","log.event.name":"e","otel.scope.name":"lib","otel.scope.version":"2","scope.zone":"s","resource.resource.zone":"eu"}`},
		{"a service that is no string", []*common.KeyValue{kv("service.name", double(7))}, nil, &logs.LogRecord{}, `{"service.name":7}`},
		{"what else a log says", nil, nil, &logs.LogRecord{SeverityNumber: 10, SeverityText: "notice", EventName: "login", Flags: 1, DroppedAttributesCount: 3},
			`{"event.name":"login","severity_text":"notice","severity_number":10,"flags":1,"dropped_attributes_count":3}`},
		{"the level's own name", nil, nil, &logs.LogRecord{SeverityNumber: 9, SeverityText: "info"}, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := walk(t, marshal(request(c.resource, c.scope, c.record)))
			if string(got[0].Attributes) != c.want {
				t.Errorf("\n got %s\nwant %s", got[0].Attributes, c.want)
			}
		})
	}
}

func TestLevelsAndTimesHaveFallbacks(t *testing.T) {
	at, observed := time.Unix(1795428000, 1).UTC(), time.Unix(1795428002, 2).UTC()
	for _, c := range []struct {
		record               *logs.LogRecord
		level                app.Level
		time, wantReceivedAt time.Time
	}{
		{&logs.LogRecord{}, app.LevelInfo, received, received},
		{&logs.LogRecord{TimeUnixNano: uint64(at.UnixNano()), SeverityNumber: 24}, app.LevelFatal, at, received},
		{&logs.LogRecord{ObservedTimeUnixNano: uint64(observed.UnixNano()), SeverityText: "warning"}, app.LevelWarn, observed, observed},
		{&logs.LogRecord{TimeUnixNano: uint64(at.UnixNano()), ObservedTimeUnixNano: uint64(observed.UnixNano()), SeverityNumber: 17, SeverityText: "debug"}, app.LevelError, at, observed},
		{&logs.LogRecord{TimeUnixNano: math.MaxUint64, SeverityNumber: 99, SeverityText: "loud"}, app.LevelInfo, time.Date(2554, 7, 21, 23, 34, 33, 709551615, time.UTC), received},
		{&logs.LogRecord{SeverityNumber: -1}, app.LevelInfo, received, received},
	} {
		l := walk(t, marshal(request(nil, nil, c.record)))[0]
		if l.Level != c.level || !l.Time.Equal(c.time) || !l.ReceivedAt.Equal(c.wantReceivedAt) {
			t.Errorf("%v: level %v, time %v, received %v", c.record, l.Level, l.Time, l.ReceivedAt)
		}
	}
}

func TestBodiesBecomeMessages(t *testing.T) {
	for _, c := range []struct {
		body *common.AnyValue
		want string
	}{
		{nil, ""}, {&common.AnyValue{}, ""}, {text(""), ""}, {text("plain \"text\""), "plain \"text\""},
		{list(kv("a", array(text("b")))), `{"a":["b"]}`},
		{&common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 7}}, "7"},
		{&common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte("hi")}}, `"aGk="`},
	} {
		if l := walk(t, marshal(request(nil, nil, &logs.LogRecord{Body: c.body})))[0]; l.Message != c.want {
			t.Errorf("%v: message %q, want %q", c.body, l.Message, c.want)
		}
	}
}

func TestIDsAreHexadecimal(t *testing.T) {
	for _, size := range []int{0, 7, 8, 9, 15, 16, 17} {
		l := walk(t, marshal(request(nil, nil, &logs.LogRecord{TraceId: bytes.Repeat([]byte{0xab}, size), SpanId: bytes.Repeat([]byte{0xcd}, size)})))[0]
		if (l.TraceID != "") != (size == 16) || (l.SpanID != "") != (size == 8) {
			t.Errorf("%d bytes: %q, %q", size, l.TraceID, l.SpanID)
		}
	}
	l := walk(t, marshal(request(nil, nil, &logs.LogRecord{TraceId: make([]byte, 16), SpanId: append(make([]byte, 7), 1)})))[0]
	if l.TraceID != "" || l.SpanID != "0000000000000001" {
		t.Errorf("%q, %q", l.TraceID, l.SpanID)
	}
}

// Text that is not UTF-8 cannot be made with protobuf's types: they refuse it.
func TestTextThatIsNotUTF8IsKept(t *testing.T) {
	payload := marshal(request([]*common.KeyValue{kv("service.name", text("sXX"))}, nil, &logs.LogRecord{
		Body: text("mXX"), Attributes: []*common.KeyValue{kv("kXX", text("vXX"))}}))
	l := walk(t, bytes.ReplaceAll(payload, []byte("XX"), []byte{0xff, 'z'}))[0]
	if l.Service != "s\xffz" || l.Message != "m\xffz" {
		t.Errorf("service %q, message %q", l.Service, l.Message)
	}
	if want := `{"k\\xffz":{"text":"v` + "\ufffd" + `z","base64":"dv96"}}`; string(l.Attributes) != want {
		t.Errorf("attributes %s, want %s", l.Attributes, want)
	}
}

// Protobuf lets a resource stand behind its logs, and in two parts.
func TestFieldsMayComeInAnyOrder(t *testing.T) {
	inner := marshal(request(nil, nil, &logs.LogRecord{Body: text("m")}).ResourceLogs[0].ScopeLogs[0])
	part := func(key, value string) []byte {
		return marshal(&logs.ResourceLogs{Resource: request([]*common.KeyValue{kv(key, text(value))}, nil).ResourceLogs[0].Resource})
	}
	message := append([]byte{0x12, byte(len(inner))}, inner...)
	message = append(append(message, part("service.name", "s")...), part("host.name", "h")...)
	payload := append([]byte{0x0a, byte(len(message))}, message...)
	if l := walk(t, payload)[0]; l.Service != "s" || l.Host != "h" || l.Message != "m" {
		t.Errorf("got %+v", l)
	}
}

func TestBrokenBytesAreRefused(t *testing.T) {
	good := marshal(request(nil, nil, &logs.LogRecord{Body: nested(64), Attributes: []*common.KeyValue{kv("a", text("b"))}}))
	if n, err := otlp.Count(good); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	for name, payload := range map[string][]byte{
		"cut off":         good[:len(good)-1],
		"a group":         append([]byte{0x0b, 0x0c}, good...),
		"field 0":         {0x02, 0},
		"endless varint":  bytes.Repeat([]byte{0xff}, 11),
		"length overflow": {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"too deep":        marshal(request(nil, nil, &logs.LogRecord{Body: nested(65)})),
		"a million deep":  deep(1 << 20),
		"text":            []byte(`{"resourceLogs":[]}`),
	} {
		_, err := otlp.Count(payload)
		if app.KindOf(err) != app.KindInvalid {
			t.Errorf("%s: count: %v", name, err)
		}
		var walkErr error
		for _, walkErr = range (otlp.Codec{}).Logs(payload, received) {
		}
		if app.KindOf(walkErr) != app.KindInvalid {
			t.Errorf("%s: logs: %v", name, walkErr)
		}
	}
}

// deep is a log whose body is arrays in arrays. It is written from the inside
// out, backwards.
func deep(levels int) []byte {
	var back []byte
	wrap := func(tag byte) {
		size := len(back)
		var length []byte
		for size >= 0x80 {
			length = append([]byte{}, append(length, byte(size)|0x80)...)
			size >>= 7
		}
		length = append(length, byte(size))
		for i := len(length) - 1; i >= 0; i-- {
			back = append(back, length[i])
		}
		back = append(back, tag)
	}
	for range levels {
		wrap(0x0a) // in ArrayValue
		wrap(0x2a) // in AnyValue
	}
	for _, tag := range []byte{0x2a, 0x12, 0x12, 0x0a} {
		wrap(tag)
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}

func TestWalksMayStopAndStartAgain(t *testing.T) {
	seq := (otlp.Codec{}).Logs(samplePayload(t, 10), received)
	for range 2 {
		n := 0
		for l, err := range seq {
			if err != nil || l.Service != "checkout" {
				t.Fatal(l, err)
			}
			if n++; n == 3 {
				break
			}
		}
	}
}

func TestWalkAllocatesNothingPerLog(t *testing.T) {
	payload := samplePayload(t, 1000)
	if n := testing.AllocsPerRun(10, func() {
		for range (otlp.Codec{}).Logs(payload, received) {
		}
	}); n > 30 {
		t.Errorf("%v allocations for 1000 logs", n)
	}
}

func TestManyAttributesTakeNoSquareTime(t *testing.T) {
	many := make([]*common.KeyValue, 200_000)
	for i := range many {
		many[i] = kv(fmt.Sprint("key", i), nil)
	}
	start := time.Now()
	l := walk(t, marshal(request(many, nil, &logs.LogRecord{Attributes: many})))[0]
	if took := time.Since(start); took > 10*time.Second || strings.Count(string(l.Attributes), "resource.key") != len(many) {
		t.Errorf("took %v", took)
	}
}

func TestJoinedPayloadsAreOne(t *testing.T) {
	a, b := samplePayload(t, 3), marshal(request(nil, nil, &logs.LogRecord{}))
	if n, err := otlp.Count(append(append(append([]byte(nil), a...), b...), a...)); n != 7 || err != nil {
		t.Error(n, err)
	}
}

func TestProtobufReadsWhatWeWrite(t *testing.T) {
	payload := samplePayload(t, 100)
	var r collector.ExportLogsServiceRequest
	if err := proto.Unmarshal(payload, &r); err != nil || countOf(&r) != 100 || len(r.ProtoReflect().GetUnknown()) > 0 {
		t.Fatal(countOf(&r), err)
	}
	if !bytes.Equal(marshal(&r), payload) {
		t.Error("protobuf writes it differently")
	}
	compareLogs(t, walk(t, payload), reference(&r, received))
}
