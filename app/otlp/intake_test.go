package otlp_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/otlp"
)

// fromJSON takes one log in and shows it as the API would.
func fromJSON(t *testing.T, body string) string {
	t.Helper()
	payload, n, err := otlp.FromJSON([]byte(body), intake)
	if err != nil || n != 1 {
		t.Fatalf("%s: %d logs, %v", body, n, err)
	}
	l := walk(t, payload)[0]
	if !l.ReceivedAt.Equal(received) {
		t.Errorf("%s: received at %v", body, l.ReceivedAt)
	}
	l.ReceivedAt = time.Time{}
	return string(l.AppendJSON(nil))
}

func TestJSONIsUnderstood(t *testing.T) {
	const now = `{"timestamp":"2026-11-23T10:00:01.0000005Z","level":"INFO",`
	const none = now + `"service":"","host":"","message":""`
	for _, c := range []struct{ name, in, want string }{
		{"all members", `{"timestamp":"2026-11-23T10:00:00Z","level":"WARN","service":"s","host":"h","message":"m","attributes":{"a":1},"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7"}`,
			`{"timestamp":"2026-11-23T10:00:00Z","level":"WARN","service":"s","host":"h","message":"m","attributes":{"a":1},"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7"}`},
		{"nothing", `{}`, none + `}`},
		{"nulls", `{"timestamp":null,"level":null,"message":null,"attributes":null,"x":null}`, none + `,"attributes":{"x":null}}`},
		{"pino", `{"level":50,"time":1795428000123,"pid":7,"hostname":"h","msg":"m"}`,
			`{"timestamp":"2026-11-23T10:00:00.123Z","level":"ERROR","service":"","host":"h","message":"m","attributes":{"pid":7}}`},
		{"zap", `{"level":"dpanic","ts":1795428000.25,"logger":"db","msg":"m"}`,
			`{"timestamp":"2026-11-23T10:00:00.25Z","level":"FATAL","service":"","host":"","message":"m","attributes":{"logger":"db","severity_text":"dpanic"}}`},
		{"ECS", `{"@timestamp":"2026-11-23T10:00:00Z","log.level":"error","service.name":"s","host.name":"h","message":"m","trace.id":"4bf92f3577b34da6a3ce929d0e0e4736","ecs.version":"8"}`,
			`{"timestamp":"2026-11-23T10:00:00Z","level":"ERROR","service":"s","host":"h","message":"m","attributes":{"ecs.version":"8"},"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`},
		{"Fluent Bit", `{"date":1795428000.123456,"log":"m","stream":"stdout"}`,
			`{"timestamp":"2026-11-23T10:00:00.123456Z","level":"INFO","service":"","host":"","message":"m","attributes":{"stream":"stdout"}}`},
		{"a date that is no time", `{"date":"tomorrow","time":"2026-11-23T10:00:00Z"}`,
			`{"timestamp":"2026-11-23T10:00:00Z","level":"INFO","service":"","host":"","message":"","attributes":{"date":"tomorrow"}}`},
		{"a date that is no time, alone", `{"date":"tomorrow"}`, none + `,"attributes":{"date":"tomorrow"}}`},
		{"the first name counts", `{"log":"l","msg":"m","text":"t"}`, now + `"service":"","host":"","message":"m","attributes":{"log":"l","text":"t"}}`},
		{"in any order", `{"severity":"warn","level":10}`, `{"timestamp":"2026-11-23T10:00:01.0000005Z","level":"TRACE","service":"","host":"","message":"","attributes":{"severity":"warn"}}`},
		{"the last of one name counts", `{"message":"a","message":"b","x":1,"x":2}`, now + `"service":"","host":"","message":"b","attributes":{"x":2}}`},
		{"another type is an attribute", `{"log":{"file":"f"},"app":[1],"hostname":7}`, none + `,"attributes":{"log":{"file":"f"},"app":[1],"hostname":7}}`},
		{"unknown level", `{"level":"loud"}`, none + `,"attributes":{"severity_text":"loud"}}`},
		{"empty level", `{"level":""}`, none + `}`},
		{"padded level", `{"level":"INFO "}`, none + `}`},
		{"OpenTelemetry's level", `{"severity_number":10}`, none + `,"attributes":{"severity_number":10}}`},
		{"a level of other numbers", `{"level":7}`, `{"timestamp":"2026-11-23T10:00:01.0000005Z","level":"DEBUG","service":"","host":"","message":"","attributes":{"severity_number":7}}`},
		{"numbers", `{"a":9223372036854775807,"b":9223372036854775808,"c":0.1,"d":3.14159265358979323846,"e":1e400,"f":1.50,"g":-0}`,
			none + `,"attributes":{"a":9223372036854775807,"b":"9223372036854775808","c":0.1,"d":"3.14159265358979323846","e":"1e400","f":1.5,"g":-0}}`},
		{"nested", `{"a":{"b":[1,{"c":{}},[],null,true]}}`, none + `,"attributes":{"a":{"b":[1,{"c":{}},[],null,true]}}}`},
		{"escapes", `{"mess\u0061ge":"\u0000\n\ud83e\udd80","\u00e9":"\/"}`, now + `"service":"","host":"","message":"\u0000\n🦀","attributes":{"é":"/"}}`},
		{"64-bit trace id", `{"traceId":"A3CE929D0E0E4736"}`, none + `,"trace_id":"0000000000000000a3ce929d0e0e4736"}`},
		{"empty ids", `{"trace_id":"","span_id":"0000000000000000"}`, none + `}`},
		{"byte order mark", "\ufeff {} ", none + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fromJSON(t, c.in); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTimesAreUnderstood(t *testing.T) {
	const second = "2026-11-23T10:00:00"
	for in, want := range map[string]string{
		`"2026-11-23T10:00:00Z"`:               second + "Z",
		`"2026-11-23t10:00:00z"`:               second + "Z",
		`"2026-11-23 10:00:00"`:                second + "Z",
		`"2026-11-23 10:00:00 UTC"`:            second + "Z",
		`"2026-11-23 11:00:00 +0100"`:          second + "Z",
		`"2026-11-23T15:30:00+05:30"`:          second + "Z",
		`"2026-11-23T07:00:00-03"`:             second + "Z",
		`"2026-11-23T10:00:00.1Z"`:             second + ".1Z",
		`"2026-11-23T10:00:00,123"`:            second + ".123Z",
		`"2026-11-23T10:00:00.1234567891234Z"`: second + ".123456789Z",
		`"2026-11-23T09:59:60Z"`:               second + "Z",
		`"2024-02-29T00:00:00Z"`:               "2024-02-29T00:00:00Z",
		`"2553-12-31T23:59:59.999999999Z"`:     "2553-12-31T23:59:59.999999999Z",
		`1795428000`:                           second + "Z",
		`"1795428000"`:                         second + "Z",
		`1795428000.123456789`:                 second + ".123456789Z",
		`1.7954280001234567e+09`:               second + ".1234567Z",
		`1795428000123`:                        second + ".123Z",
		`1795428000123.5`:                      second + ".1235Z",
		`1795428000123456`:                     second + ".123456Z",
		`1795428000123456789`:                  second + ".123456789Z",
		`0.5`:                                  "1970-01-01T00:00:00.5Z",
		`"0001-01-01T00:00:00Z"`:               "2026-11-23T10:00:01.0000005Z", // none
		`0`:                                    "2026-11-23T10:00:01.0000005Z", // none, for OTLP
	} {
		if got := fromJSON(t, `{"time":`+in+`}`); !strings.HasPrefix(got, `{"timestamp":"`+want+`"`) {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{`"yesterday"`, `"2026-11-23"`, `"2026-13-01T00:00:00Z"`, `"2026-02-29T00:00:00Z"`, `"2026-11-23T24:00:00Z"`,
		`"2026-11-23T10:00:00.Z"`, `"2026-11-23T10:00:00+25:00"`, `"2026-11-23T10:00:00+1"`, `"2026-11-23T10:00:00X"`, `"2026-11-23T10:00"`, `"1969-12-31T23:59:59Z"`,
		`"2555-01-01T00:00:00Z"`, `-1`, `1e20`, `1e99999999999`, `"1."`, `".5"`, `"1e"`, `"--1"`, `"0x10"`, `" "`, `true`} {
		field := "timestamp"
		_, _, err := otlp.FromJSON([]byte(`{"`+field+`":`+in+`}`), intake)
		var wrong *app.Error
		if !errors.As(err, &wrong) || wrong.Kind != app.KindInvalid || wrong.Field != field {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestWrongJSONIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, in, want, field string
		line                  int
		ndjson                bool
	}{
		{"nothing", " \n", "the body is empty: send at least one log", "", 0, false},
		{"no object", `7`, `a number where a log was expected: send an object, as in {"message":"hello"}`, "", 0, false},
		{"an element that is no object", `[{},"x"]`, `element 2: a string where a log was expected: send an object, as in {"message":"hello"}`, "", 2, false},
		{"wrong type", `[{},{},{"message":["x"]}]`, "element 3: message is an array: want a string", "message", 3, false},
		{"attributes", `{"Attributes":"x"}`, "Attributes is a string: want an object", "Attributes", 0, false},
		{"id", `{"spanId":"xyz"}`, `spanId is "xyz": want 16 hexadecimal digits`, "spanId", 0, false},
		{"time", `{"@timestamp":"soon"}`, `@timestamp is "soon": want RFC 3339, as in 2026-11-23T10:00:00.5Z, or a number of seconds, milli-, micro- or nanoseconds since 1970`, "@timestamp", 0, false},
		{"range", `{"time":"1815-12-10T00:00:00Z"}`, `time is "1815-12-10T00:00:00Z": want a time from 1970 to 2554`, "time", 0, false},
		{"a time of another type", `{"timestamp":{}}`, "timestamp is an object: want a time, as text or number", "timestamp", 0, false},
		{"cut off", `{"message":"x`, "the JSON is cut off", "", 0, false},
		{"broken", `{"message":x}`, "the JSON is broken at byte 12: invalid character 'x' at start of value", "", 0, false},
		{"more", `{} {}`, "the JSON ends at byte 2 but more follows: send several logs as one array, or one a line as application/x-ndjson", "", 0, false},
		{"no UTF-8", "{\"message\":\"caf\xe9\"}", "the JSON is broken at byte 16: invalid UTF-8", "", 0, false},
		{"half a rune", `{"message":"\ud83e"}`, "", "", 0, false},
		{"too deep", `{"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, "a value is nested deeper than 64", "", 0, false},
		{"a line that is wrong", "{}\n\n{\"level\":[]}\n", "line 3: level is an array: want a level, as text or number", "level", 3, true},
		{"a line that is broken", "{}\r\n{\"a\":x}\n", "line 2: the JSON is broken at byte 6 of the line: invalid character 'x' at start of value", "", 2, true},
		{"an object over two lines", "{\"a\":1,\n\"b\":2}\n", "line 1: the object does not end on its line: send each log on one line", "", 1, true},
		{"a line that is cut off", "{\"a\":\n{}", "line 1: the JSON is cut off", "", 1, true},
		{"two on a line", "{} {}", "line 1: more follows behind the object: send each log on a line of its own", "", 1, true},
		{"an array as a line", "{}\n[{}]", `line 2: an array where a log was expected: send an object, as in {"message":"hello"}`, "", 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := otlp.FromJSON
			if c.ndjson {
				read = otlp.FromNDJSON
			}
			payload, n, err := read([]byte(c.in), intake)
			var wrong *app.Error
			if !errors.As(err, &wrong) || payload != nil || n != 0 {
				t.Fatalf("%d logs, %v", n, err)
			}
			if c.want != "" && wrong.Message != c.want || wrong.Field != c.field || wrong.Line != c.line || wrong.Kind != app.KindInvalid {
				t.Errorf("got %q, field %q, line %d", wrong.Message, wrong.Field, wrong.Line)
			}
		})
	}
}

func TestNeighboursShareAResource(t *testing.T) {
	one, _, _ := otlp.FromNDJSON([]byte(`{"service":"shop","host":"h"}`), intake)
	many, n, err := otlp.FromNDJSON([]byte(strings.Repeat(`{"service":"shop","host":"h"}`+"\n", 100)), intake)
	if err != nil || n != 100 || len(many) > 100*len(one)/2 {
		t.Errorf("one log takes %d bytes, 100 take %d, %v", len(one), len(many), err)
	}
	mixed, _, _ := otlp.FromJSON([]byte(`[{"service":"a"},{"host":"b"},{},{"service":"a"}]`), otlp.Intake{Received: received, Service: "s", Host: "h"})
	var got []string
	for _, l := range walk(t, mixed) {
		got = append(got, l.Service+"@"+l.Host)
	}
	if want := "[a@h s@b s@h a@h]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestEmptyArrayHoldsNoLogs(t *testing.T) {
	if payload, n, err := otlp.FromJSON([]byte(" [ ] "), intake); err != nil || n != 0 || len(payload) != 0 {
		t.Errorf("%v, %d, %v", payload, n, err)
	}
}

func ExampleFromNDJSON() {
	body := `{"time":1795428000,"level":"warn","service":"checkout","msg":"slow query","ms":1200}
{"time":1795428001,"level":"error","service":"checkout","msg":"gave up"}`
	payload, count, err := otlp.FromNDJSON([]byte(body), otlp.Intake{Received: time.Unix(1795428002, 0)})
	fmt.Println(count, err)
	for l, err := range (otlp.Codec{}).Logs(payload, time.Time{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(l.AppendJSON(nil)))
	}
	// Output:
	// 2 <nil>
	// {"timestamp":"2026-11-23T10:00:00Z","level":"WARN","service":"checkout","host":"","message":"slow query","attributes":{"ms":1200},"received_at":"2026-11-23T10:00:02Z"}
	// {"timestamp":"2026-11-23T10:00:01Z","level":"ERROR","service":"checkout","host":"","message":"gave up","received_at":"2026-11-23T10:00:02Z"}
}
