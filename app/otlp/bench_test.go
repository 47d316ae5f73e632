package otlp_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"

	"millrace/app/otlp"
)

// sampleJSON is a thousand logs of the usual kind, one a line.
func sampleJSON(logs int) []byte {
	var b bytes.Buffer
	for i := range logs {
		fmt.Fprintf(&b, `{"timestamp":"2026-11-23T10:00:00.%09dZ","level":"INFO","service":"checkout","host":"web-1",`+
			`"message":"payment %d took %d ms","trace_id":"4bf92f3577b34da6a3ce929d0e0e%04x","span_id":"00f067aa0ba9%04x",`+
			`"attributes":{"http.method":"POST","http.route":"/api/payments/{id}","http.status_code":200,"user.id":"u-%d","duration":%d.25}}`+"\n",
			i, i, i%97, i%(1<<16), i%1000+1, i%1000, i%97)
	}
	return b.Bytes()
}

func samplePayload(t testing.TB, logs int) []byte {
	payload, n, err := otlp.FromNDJSON(sampleJSON(logs), otlp.Intake{Received: received})
	if err != nil || n != logs {
		t.Fatal(n, err)
	}
	return payload
}

func perLog(b *testing.B, logs int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(logs), "ns/log")
}

const benchLogs = 1000

func BenchmarkCount(b *testing.B) {
	payload := samplePayload(b, benchLogs)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := otlp.Count(payload); n != benchLogs || err != nil {
			b.Fatal(n, err)
		}
	}
	perLog(b, benchLogs)
}

// BenchmarkBareTags steps from log to log and looks into none: what counting
// would cost if nobody had to be sure that the logs can be read.
func BenchmarkBareTags(b *testing.B) {
	payload := samplePayload(b, benchLogs)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if n := bareTags(payload, 0); n != benchLogs {
			b.Fatal(n)
		}
	}
	perLog(b, benchLogs)
}

func bareTags(message []byte, level int) (logs int) {
	for len(message) > 0 {
		num, typ, n := protowire.ConsumeTag(message)
		size := protowire.ConsumeFieldValue(num, typ, message[n:])
		want := protowire.Number(min(level+1, 2))
		if num == want && level < 2 {
			inner, _ := protowire.ConsumeBytes(message[n:])
			logs += bareTags(inner, level+1)
		} else if num == want {
			logs++
		}
		message = message[n+size:]
	}
	return logs
}

func BenchmarkSplit(b *testing.B) {
	payload := samplePayload(b, benchLogs)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, n, err := otlp.Split(payload, benchLogs/2, 1<<20); n != benchLogs/2 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkCutter(b *testing.B) {
	payload := samplePayload(b, 100*benchLogs)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		c := otlp.NewCutter(payload)
		for !c.Done() {
			if _, n, err := c.Next(benchLogs, 900_000); n == 0 || err != nil {
				b.Fatal(n, err)
			}
		}
	}
}

func BenchmarkLogs(b *testing.B) {
	payload := samplePayload(b, benchLogs)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range (otlp.Codec{}).Logs(payload, received) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != benchLogs {
			b.Fatal(n)
		}
	}
	perLog(b, benchLogs)
}

// BenchmarkUnmarshal is what reading a payload costs with protobuf's own types.
func BenchmarkUnmarshal(b *testing.B) {
	payload := samplePayload(b, benchLogs)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if err := proto.Unmarshal(payload, &collector.ExportLogsServiceRequest{}); err != nil {
			b.Fatal(err)
		}
	}
	perLog(b, benchLogs)
}

func BenchmarkFromNDJSON(b *testing.B) {
	body := sampleJSON(benchLogs)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if n := mustNDJSON(b, body); n != benchLogs {
			b.Fatal(n)
		}
	}
	perLog(b, benchLogs)
}

func mustNDJSON(b *testing.B, body []byte) int {
	_, n, err := otlp.FromNDJSON(body, otlp.Intake{Received: received})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func BenchmarkFromJSONArray(b *testing.B) {
	lines := bytes.Split(bytes.TrimSpace(sampleJSON(benchLogs)), []byte("\n"))
	body := append(append([]byte{'['}, bytes.Join(lines, []byte(","))...), ']')
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, n, err := otlp.FromJSON(body, otlp.Intake{Received: received}); n != benchLogs || err != nil {
			b.Fatal(n, err)
		}
	}
	perLog(b, benchLogs)
}

func BenchmarkFromJSONOne(b *testing.B) {
	body := sampleJSON(1)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, n, err := otlp.FromJSON(body, otlp.Intake{Received: received}); n != 1 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkTokens reads the JSON and does nothing with it: the floor under
// FromNDJSON.
func BenchmarkTokens(b *testing.B) {
	body := sampleJSON(benchLogs)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
		for {
			if _, err := d.ReadToken(); err != nil {
				break
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	logs := walk(b, samplePayload(b, benchLogs))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := otlp.Encode(logs); err != nil {
			b.Fatal(err)
		}
	}
	perLog(b, benchLogs)
}
