package otlp_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"

	"millrace/app"
	"millrace/app/otlp"
)

func TestOTLPJSONExample(t *testing.T) {
	payload, n, err := otlp.FromOTLPJSON([]byte(otlpExample))
	if n != 1 || err != nil {
		t.Fatal(n, err)
	}
	const want = `{"timestamp":"2018-12-13T14:51:00.3Z","level":"INFO","service":"my.service","host":"","message":"Example log record",` +
		`"attributes":{"string.attribute":"some string","boolean.attribute":true,"int.attribute":10,"double.attribute":637.704,` +
		`"array.attribute":["many","values"],"map.attribute":{"some.map.key":"some value"},"severity_text":"Information","severity_number":10,` +
		`"otel.scope.name":"my.library","otel.scope.version":"1.0.0","my.scope.attribute":"some scope attribute"},` +
		`"trace_id":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174","received_at":"2018-12-13T14:51:00.3Z"}`
	if l := walk(t, payload)[0]; string(l.AppendJSON(nil)) != want {
		t.Errorf("\n got %s\nwant %s", l.AppendJSON(nil), want)
	}
}

// Protobuf's own JSON differs from OTLP's in ids alone.
func TestOTLPJSONIsProtobufsButForIDs(t *testing.T) {
	for i, body := range append(otlpBodies(), `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"flags":4294967295,"droppedAttributesCount":"7","eventName":"e","severityNumber":"SEVERITY_NUMBER_FATAL4","timeUnixNano":18446744073709551615}]}]}]}`) {
		without := strings.NewReplacer(`"traceId":"5B8EFFF798038103D269B633813FC60C",`, "", `"spanId":"EEE19B7EC3C1B174",`, "").Replace(body)
		payload, _, err := otlp.FromOTLPJSON([]byte(without))
		var want, got collector.ExportLogsServiceRequest
		wantErr := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal([]byte(without), &want)
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%d: %s: %v, protobuf says %v", i, without, err, wantErr)
			continue
		}
		if err == nil && (proto.Unmarshal(payload, &got) != nil || !proto.Equal(&got, &want)) {
			t.Errorf("%d: got %v, want %v", i, &got, &want)
		}
	}
}

func TestWrongOTLPJSONIsRefused(t *testing.T) {
	record := func(member string) string {
		return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{` + member + `}]}]}]}`
	}
	const at = "/resourceLogs/0/scopeLogs/0/logRecords/1"
	for _, c := range []struct{ name, in, field, want string }{
		{"no object", `[]`, "", "the body is an array: want an object"},
		{"no array", `{"resourceLogs":7}`, "/resourceLogs", "/resourceLogs is a number: want an array"},
		{"element", `{"resourceLogs":[{},7]}`, "/resourceLogs/1", "/resourceLogs/1 is a number: want an object"},
		{"id in base64", record(`"traceId":"W47/95gDgQPSabYzgT/GDA=="`), at + "/traceId", at + `/traceId is "W47/95gDgQPSabYzgT/GDA==": want 32 hexadecimal digits`},
		{"time", record(`"timeUnixNano":"-1"`), at + "/timeUnixNano", at + `/timeUnixNano is "-1": want nanoseconds since 1970, as in "1795428000000000000"`},
		{"severity", record(`"severityNumber":"SEVERITY_NUMBER_LOUD"`), at + "/severityNumber", at + `/severityNumber is "SEVERITY_NUMBER_LOUD": want a number from 0 to 24 or a name, as in SEVERITY_NUMBER_INFO`},
		{"bool", record(`"body":{"boolValue":"true"}`), at + "/body/boolValue", at + `/body/boolValue is "true": want true or false`},
		{"text", record(`"severityText":{"x":1}`), at + "/severityText", at + `/severityText is an object: want a string`},
		{"cut off", `{"resourceLogs":[`, "", "the JSON is cut off"},
		{"more", `{} 7`, "", "the JSON ends at byte 2 but more follows: send one request at a time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, n, err := otlp.FromOTLPJSON([]byte(c.in))
			var wrong *app.Error
			if !errors.As(err, &wrong) || payload != nil || n != 0 {
				t.Fatalf("%d logs, %v", n, err)
			}
			if wrong.Message != c.want || wrong.Field != c.field || wrong.Kind != app.KindInvalid {
				t.Errorf("got %q, field %q", wrong.Message, wrong.Field)
			}
		})
	}
}

func TestAnswersAreProtobufs(t *testing.T) {
	for _, c := range []struct {
		rejected int64
		message  string
	}{{0, ""}, {3, "too \"old\""}, {0, "careful"}, {1 << 40, ""}, {1, "caf\xe9"}} {
		var binary, text collector.ExportLogsServiceResponse
		if err := proto.Unmarshal(otlp.Response(c.rejected, c.message, false), &binary); err != nil {
			t.Fatal(err)
		}
		if err := protojson.Unmarshal(otlp.Response(c.rejected, c.message, true), &text); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(&binary, &text) || binary.GetPartialSuccess().GetRejectedLogRecords() != c.rejected ||
			binary.GetPartialSuccess().GetErrorMessage() != strings.ToValidUTF8(c.message, "\ufffd") {
			t.Errorf("%v: %v, %v", c, &binary, &text)
		}
	}
	if len(otlp.Response(0, "", false)) != 0 || string(otlp.Response(0, "", true)) != "{}" {
		t.Error("an answer to success says more than it must")
	}
}

func TestStatusIsGoogles(t *testing.T) {
	code := otlp.StatusCode(app.KindInvalid)
	if got := otlp.Status(code, "no", false); string(got) != "\x08\x03\x12\x02no" {
		t.Errorf("protobuf %x", got)
	}
	if got := otlp.Status(code, "no \"\xff\"", true); string(got) != `{"code":3,"message":"no \"`+"\ufffd"+`\""}` {
		t.Errorf("JSON %s", got)
	}
}

func TestEncodeRefusesWhatIsNoLog(t *testing.T) {
	for field, l := range map[string]app.Log{
		"attributes": {Attributes: json.RawMessage(`[1]`)}, "trace_id": {TraceID: "x"}, "span_id": {SpanID: "0"},
	} {
		_, err := otlp.Encode([]app.Log{{}, l})
		var wrong *app.Error
		if !errors.As(err, &wrong) || wrong.Kind != app.KindInvalid || wrong.Line != 2 || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := otlp.Encode([]app.Log{{Attributes: json.RawMessage(`{} x`)}}); app.KindOf(err) != app.KindInvalid {
		t.Error(err)
	}
}

func TestEncodeComesBack(t *testing.T) {
	want := walk(t, samplePayload(t, 100))
	payload, err := otlp.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	compareLogs(t, walk(t, payload), want)
	if empty, err := otlp.Encode(nil); len(empty) != 0 || err != nil {
		t.Error(empty, err)
	}
}
