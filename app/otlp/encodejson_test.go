package otlp_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/otlp"
)

// What was written as OTLP's JSON is read as the same logs.
func TestEncodeJSONIsReadBack(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 123456789, time.UTC)
	logs := []app.Log{
		{Time: at, ReceivedAt: at.Add(1), Level: app.LevelWarn, Service: "a", Host: "h", Message: "one \"two\"\n<&>", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7"},
		{Time: at, ReceivedAt: at, Level: app.LevelInfo, Service: "a", Host: "h", Attributes: json.RawMessage(`{"n":{"x":[1,2.5,null,true,"t",{"y":-3}]},"e":{},"l":[]}`)},
		{Time: at, ReceivedAt: at, Level: app.LevelFatal, Message: "of nobody"},
	}
	data, err := otlp.EncodeJSON(nil, logs)
	if err != nil || !json.Valid(data) || bytes.ContainsRune(data, '\n') {
		t.Fatalf("%s, %v", data, err)
	}
	intake, _, err := otlp.FromOTLPJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for log, err := range (otlp.Codec{}).Logs(intake, at) {
		if err != nil {
			t.Fatal(err)
		}
		want, _ := logs[i].MarshalJSON()
		got, _ := log.MarshalJSON()
		if !bytes.Equal(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		i++
	}
	if i != len(logs) {
		t.Errorf("%d logs", i)
	}
	if _, err := otlp.EncodeJSON(nil, []app.Log{{Attributes: json.RawMessage(`[1]`)}}); err == nil {
		t.Error("attributes that are no object are taken")
	}
}
