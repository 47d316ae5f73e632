package otlp_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"

	"millrace/app"
	"millrace/app/otlp"
)

// addPayloads adds good requests, broken ones and hostile ones.
func addPayloads(f *testing.F, rest ...any) {
	add := func(b []byte) { f.Add(append([]any{b}, rest...)...) }
	for _, payload := range nastyPayloads() {
		add(payload)
		if n := len(payload); n > 0 && n < 1000 {
			add(payload[:n-1])
			add(append(payload[:n:n], payload...))
		}
	}
}

func FuzzCount(f *testing.F) {
	addPayloads(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		n, err := otlp.Count(payload)
		var request collector.ExportLogsServiceRequest
		if proto.Unmarshal(payload, &request) != nil {
			return // protobuf refuses more, such as text that is not UTF-8
		}
		if err == nil && n != countOf(&request) {
			t.Fatalf("counts %d, protobuf %d", n, countOf(&request))
		}
		canonical, _ := proto.MarshalOptions{Deterministic: true}.Marshal(&request)
		if err != nil || len(canonical) != len(payload) {
			return // groups, depth, unknown fields
		}
		if n, err := otlp.Count(append(canonical, payload...)); err != nil || n != 2*countOf(&request) {
			t.Fatalf("of both: %d, %v", n, err)
		}
	})
}

func FuzzSplit(f *testing.F) {
	addPayloads(f, 1, 100)
	addPayloads(f, 2, 1000)
	addPayloads(f, 0, 0)
	f.Fuzz(func(t *testing.T, payload []byte, maxLogs, maxBytes int) {
		want, wantErr := otlp.Count(payload)
		before := bytes.Clone(payload)
		head, tail, n, err := otlp.Split(payload, maxLogs, maxBytes)
		if !bytes.Equal(before, payload) {
			t.Fatal("the input was changed")
		}
		if wantErr != nil {
			return
		}
		if err != nil {
			t.Fatalf("counts %d but cannot be cut: %v", want, err)
		}
		if n > max(maxLogs, 0) || n > 0 && len(head) > maxBytes || n == 0 && want > 0 && len(head) > 0 {
			t.Fatalf("head has %d logs of %d, %d bytes of %d", n, maxLogs, len(head), maxBytes)
		}
		inHead, errHead := otlp.Count(head)
		inTail, errTail := otlp.Count(tail)
		if errHead != nil || errTail != nil || inHead != n || inHead+inTail != want || tail != nil && inTail == 0 {
			t.Fatalf("%d logs became %d (said %d) and %d: %v, %v", want, inHead, n, inTail, errHead, errTail)
		}
		if fits := largerHead(payload, n+1); want > n && n < maxLogs && len(fits) > 0 && len(fits) <= maxBytes {
			t.Fatalf("head has %d logs, but %d take %d bytes of %d", n, n+1, len(fits), maxBytes)
		}
		compareLogs(t, walk(t, append(head[:len(head):len(head)], tail...)), walk(t, payload))
	})
}

func largerHead(payload []byte, logs int) []byte {
	head, _, _, _ := otlp.Split(payload, logs, 1<<30)
	return head
}

func FuzzLogs(f *testing.F) {
	addPayloads(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		want, countErr := otlp.Count(payload)
		n := 0
		var walkErr error
		for l, err := range (otlp.Codec{}).Logs(payload, received) {
			if walkErr = err; err != nil {
				break
			}
			if len(l.Attributes) > 0 && (!json.Valid(l.Attributes) || l.Attributes[0] != '{') {
				t.Fatalf("attributes are no JSON: %s", l.Attributes)
			}
			if d := duplicate(l.Attributes); d != nil {
				t.Fatalf("%v in %s", d, l.Attributes)
			}
			n++
		}
		if countErr == nil && (walkErr != nil || n != want) {
			t.Fatalf("counts %d, walks %d, %v", want, n, walkErr)
		}
		var request collector.ExportLogsServiceRequest
		if (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(payload, &request) != nil {
			return
		}
		canonical, _ := proto.Marshal(&request)
		if _, err := otlp.Count(canonical); err != nil {
			return // too deep for us
		}
		compareLogs(t, walk(t, canonical), reference(&request, received))
	})
}

func FuzzFromJSON(f *testing.F) {
	for _, body := range nastyJSON() {
		f.Add([]byte(body))
		f.Add([]byte("[" + body + "," + body + "]"))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, n, err := otlp.FromJSON(body, intake)
		checkIntake(t, payload, n, err)
		if err != nil {
			return
		}
		if trimmed := bytes.TrimPrefix(body, []byte("\ufeff")); !json.Valid(trimmed) {
			t.Fatalf("took what is no JSON: %q", body)
		}
		array := bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n"), []byte("["))
		if array || bytes.ContainsAny(bytes.Trim(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n"), "\n") {
			return
		}
		lines, m, err := otlp.FromNDJSON(append(append(bytes.Trim(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n"), '\n', '\r', '\n'), body...), intake)
		_ = lines
		if err == nil && m != 2 {
			t.Fatalf("two lines are %d logs", m)
		}
	})
}

func FuzzFromNDJSON(f *testing.F) {
	f.Add([]byte(strings.Join(nastyJSON(), "\n")))
	f.Add([]byte("\ufeff{\"a\":1}\r\n\r\n {\"b\":2} \r\n"))
	for _, body := range nastyJSON() {
		f.Add([]byte(body + "\n" + body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, n, err := otlp.FromNDJSON(body, intake)
		checkIntake(t, payload, n, err)
		if err != nil {
			return
		}
		objects := 0
		for line := range bytes.SplitSeq(bytes.TrimPrefix(body, []byte("\ufeff")), []byte("\n")) {
			if len(bytes.Trim(line, " \t\r")) > 0 {
				objects++
				if !json.Valid(line) {
					t.Fatalf("took what is no JSON: %q", line)
				}
			}
		}
		if objects != n {
			t.Fatalf("%d objects are %d logs", objects, n)
		}
	})
}

func FuzzFromOTLPJSON(f *testing.F) {
	for _, body := range otlpBodies() {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, n, err := otlp.FromOTLPJSON(body)
		checkIntake(t, payload, n, err)
	})
}

// checkIntake checks what holds for everything that is taken in: our own
// reader and protobuf's can read it, and writing the logs again changes none.
func checkIntake(t *testing.T, payload []byte, n int, err error) {
	t.Helper()
	if err != nil {
		if app.KindOf(err) != app.KindInvalid || payload != nil || n != 0 {
			t.Fatalf("%d logs and error %v", n, err)
		}
		return
	}
	if got, err := otlp.Count(payload); err != nil || got != n {
		t.Fatalf("says %d, counts %d, %v", n, got, err)
	}
	var request collector.ExportLogsServiceRequest
	if err := proto.Unmarshal(payload, &request); err != nil {
		t.Fatal(err)
	}
	read := walk(t, payload)
	compareLogs(t, read, reference(&request, received))
	again, err := otlp.Encode(read)
	if err != nil {
		t.Fatal(err)
	}
	compareLogs(t, walk(t, again), read)
}
