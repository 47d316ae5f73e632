package app_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
	"unicode/utf8"

	"millrace/app"
)

func TestLevelsFollowOpenTelemetry(t *testing.T) {
	for severity := int32(-1); severity <= 26; severity++ {
		level := app.LevelOfSeverity(severity)
		if (severity >= 1 && severity <= 24) != (level != 0) {
			t.Errorf("severity %d: level %v", severity, level)
		}
		if level != 0 && (severity < level.Severity() || severity > level.Severity()+3) {
			t.Errorf("severity %d is not within level %v, which begins at %d", severity, level, level.Severity())
		}
	}
}

func TestParseLevel(t *testing.T) {
	for text, want := range map[string]app.Level{
		"TRACE": app.LevelTrace, "debug": app.LevelDebug, "Info": app.LevelInfo, "notice": app.LevelInfo,
		"warning": app.LevelWarn, "ERR": app.LevelError, "severe": app.LevelError, "critical": app.LevelFatal,
		"panic": app.LevelFatal, "": 0, "loud": 0, "INFO ": 0,
	} {
		got, ok := app.ParseLevel(text)
		if got != want || ok != (want != 0) {
			t.Errorf("ParseLevel(%q) = %v, %v; want %v", text, got, ok, want)
		}
	}
}

func TestLogIDNamesBatchAndPlace(t *testing.T) {
	for _, id := range []app.LogID{app.NewLogID(1, 0), app.NewLogID(1841, 17), app.NewLogID(1<<39-1, app.MaxBatchCount-1)} {
		back, err := app.ParseLogID(id.String())
		if err != nil || back != id {
			t.Errorf("%d is written %s and read %d, %v", id, id, back, err)
		}
	}
	for _, text := range []string{"", "1", "-", "0-1", "1-", "1-16777216", "1-1-1", "549755813888-0", "x-1", "1--1"} {
		if id, err := app.ParseLogID(text); err == nil {
			t.Errorf("ParseLogID(%q) = %v: want an error", text, id)
		}
	}
}

func TestLogIDsFollowTheOrderOfStoring(t *testing.T) {
	if app.NewLogID(2, 0) <= app.NewLogID(1, app.MaxBatchCount-1) {
		t.Error("a later batch has a smaller id")
	}
}

func ExampleLog_AppendJSON() {
	log := app.Log{
		ID: app.NewLogID(1841, 17), BatchID: "k3v9-1001",
		Time:  time.Date(2026, 11, 23, 10, 0, 0, 123456789, time.UTC),
		Level: app.LevelWarn, Service: "checkout", Host: "web-1", Message: "slow \"query\"",
		Attributes: json.RawMessage(`{"ms":1200}`),
	}
	fmt.Println(string(log.AppendJSON(nil)))
	// Output:
	// {"id":"1841-17","timestamp":"2026-11-23T10:00:00.123456789Z","level":"WARN","service":"checkout","host":"web-1","message":"slow \"query\"","attributes":{"ms":1200},"batch_id":"k3v9-1001"}
}

func FuzzLogJSON(f *testing.F) {
	for _, text := range []string{"", "plain", "quote \" back \\ slash", "\x00\x1f\x7f", "é – 日本 🦀", "\xff\xc0\xaf", "\u2028<script>", "\ufffd"} {
		f.Add(text, text, int64(1795428000123456789))
	}
	f.Fuzz(func(t *testing.T, message, service string, nanos int64) {
		in := app.Log{
			Time: time.Unix(0, nanos).UTC(), Level: app.LevelInfo, Service: service, Host: "h", Message: message,
			Attributes: json.RawMessage(`{"a":[1,{"b":null}]}`), ReceivedAt: time.Unix(0, nanos).UTC(),
		}
		data := in.AppendJSON(nil)
		var out app.Log
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if utf8.ValidString(message) && out.Message != message || utf8.ValidString(service) && out.Service != service {
			t.Errorf("message %q service %q came back as %q %q", message, service, out.Message, out.Service)
		}
		if !out.Time.Equal(in.Time) || !out.ReceivedAt.Equal(in.ReceivedAt) || out.Level != in.Level || string(out.Attributes) != string(in.Attributes) {
			t.Errorf("%+v came back as %+v", in, out)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	log := app.Log{
		ID: app.NewLogID(1841, 17), BatchID: "k3v9-1001", Time: time.Unix(1795428000, 123456789), ReceivedAt: time.Unix(1795428001, 0),
		Level: app.LevelWarn, Service: "checkout", Host: "web-1", Message: "payment 4711 took longer than 1200 ms",
		Attributes: json.RawMessage(`{"http.method":"POST","http.status_code":200}`), TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = log.AppendJSON(dst[:0])
	}
	b.SetBytes(int64(len(dst)))
}

func TestALogHasANameBeforeItIsStored(t *testing.T) {
	for text, want := range map[string]app.LiveID{"k3v9-1001.17": {Batch: "k3v9-1001", Place: 17}, "logs.3-0.0": {Batch: "logs.3-0"}} {
		if id, ok := app.ParseLiveID(text); !ok || id != want || id.String() != text {
			t.Errorf("%s is %+v, %t", text, id, ok)
		}
	}
	for _, text := range []string{"", "1841-17", "k3v9.1", "logs.0-5", "k3v9-1.", "k3v9-1.-1", "k3v9-1.16777216", "-1.1"} {
		if id, ok := app.ParseLiveID(text); ok {
			t.Errorf("%q is %+v", text, id)
		}
	}
	coming := app.Log{BatchID: "k3v9-1001", Place: 18}
	var read app.Log
	if err := read.UnmarshalJSON(coming.AppendJSON(nil)); err != nil || read.Place != 18 || read.BatchID != coming.BatchID || read.ID != 0 {
		t.Errorf("read %+v, %v", read, err)
	}
	stored := app.Log{BatchID: "k3v9-1001", ID: app.NewLogID(7, 17)}
	a, _ := coming.LiveID()
	if b, ok := stored.LiveID(); !ok || a != b {
		t.Errorf("%s, and stored %s", a, b)
	}
	if _, ok := (&app.Log{BatchID: "k3v9-1001"}).LiveID(); ok {
		t.Error("a log without a place has a name")
	}
}
