package otlp_test

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"

	"millrace/app"
	"millrace/app/otlp"
)

func TestSplitRepeatsResourceScopeAndSchema(t *testing.T) {
	scope := &common.InstrumentationScope{Name: "lib"}
	whole := request([]*common.KeyValue{kv("service.name", text("shop"))}, scope, &logs.LogRecord{Body: text("a")}, &logs.LogRecord{Body: text("b")})
	whole.ResourceLogs = append(whole.ResourceLogs, request(nil, nil, &logs.LogRecord{Body: text("c")}).ResourceLogs...)
	head, tail, n, err := otlp.Split(marshal(whole), 1, 1<<20)
	if n != 1 || err != nil {
		t.Fatal(n, err)
	}
	want := []*collector.ExportLogsServiceRequest{proto.CloneOf(whole), proto.CloneOf(whole)}
	want[0].ResourceLogs = want[0].ResourceLogs[:1]
	want[0].ResourceLogs[0].ScopeLogs[0].LogRecords = want[0].ResourceLogs[0].ScopeLogs[0].LogRecords[:1]
	want[1].ResourceLogs[0].ScopeLogs[0].LogRecords = want[1].ResourceLogs[0].ScopeLogs[0].LogRecords[1:]
	for i, part := range [][]byte{head, tail} {
		var got collector.ExportLogsServiceRequest
		if err := proto.Unmarshal(part, &got); err != nil || !proto.Equal(&got, want[i]) {
			t.Errorf("part %d is %v, %v; want %v", i, &got, err, want[i])
		}
	}
}

func TestSplitAtItsLimits(t *testing.T) {
	payload := samplePayload(t, 10)
	for _, c := range []struct {
		name              string
		maxLogs, maxBytes int
		headLogs          int
		tail              bool
	}{
		{"all fits", 10, len(payload), 10, false},
		{"one log too many", 9, len(payload), 9, true},
		{"one byte too many", 10, len(payload) - 1, 9, true},
		{"not even one", 10, 100, 0, true},
		{"no logs", 0, len(payload), 0, true},
		{"no bytes", 10, 0, 0, true},
		{"negative", -1, -1, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, tail, n, err := otlp.Split(payload, c.maxLogs, c.maxBytes)
			if err != nil || n != c.headLogs || (tail != nil) != c.tail || (head == nil) != (n == 0) {
				t.Errorf("%d logs in %d bytes, then %d bytes, %v", n, len(head), len(tail), err)
			}
		})
	}
	if head, tail, n, err := otlp.Split(nil, 1, 1); head != nil || tail != nil || n != 0 || err != nil {
		t.Error("nothing was cut into something")
	}
	if _, _, _, err := otlp.Split(payload[:len(payload)-1], 5, 1<<20); app.KindOf(err) != app.KindInvalid {
		t.Errorf("cut off: %v", err)
	}
}

func TestCutterHandsOutEverythingOnce(t *testing.T) {
	for _, payload := range nastyPayloads() {
		want, err := otlp.Count(payload)
		if err != nil {
			continue
		}
		for _, limit := range []int{1, 2, 3, 100} {
			c := otlp.NewCutter(payload)
			var joined []byte
			for !c.Done() {
				rest, err := c.Rest()
				if n, countErr := otlp.Count(rest); err != nil || countErr != nil || n == 0 {
					t.Fatal(n, err, countErr)
				}
				part, n, err := c.Next(limit, 1<<20)
				if got, countErr := otlp.Count(part); err != nil || countErr != nil || got != n || n == 0 || n > limit {
					t.Fatal(got, n, err, countErr)
				}
				joined = append(joined, part...)
			}
			if n, err := otlp.Count(joined); n != want || err != nil {
				t.Errorf("parts of %d: %d logs became %d, %v", limit, want, n, err)
			}
			compareLogs(t, walk(t, joined), walk(t, payload))
			if part, n, err := c.Next(1, 1<<20); part != nil || n != 0 || err != nil {
				t.Error("more than everything")
			}
		}
	}
}

func TestSplitIsTheSameEachTime(t *testing.T) {
	payload := nastyPayloads()[2]
	head, tail, n, _ := otlp.Split(payload, 3, 1<<20)
	for range 3 {
		head2, tail2, n2, _ := otlp.Split(payload, 3, 1<<20)
		if n2 != n || !bytes.Equal(head, head2) || !bytes.Equal(tail, tail2) {
			t.Fatal("cut differently")
		}
	}
}

func TestUnknownFieldsOfResourcesAreKept(t *testing.T) {
	message := marshal(request(nil, nil, &logs.LogRecord{}, &logs.LogRecord{}).ResourceLogs[0])
	message = append(message, 0xf8, 0x3f, 42) // field 1023, a number
	payload := append([]byte{0x0a, byte(len(message))}, message...)
	head, tail, _, err := otlp.Split(payload, 1, 1<<20)
	if err != nil || !bytes.Contains(head, []byte{0xf8, 0x3f, 42}) || !bytes.Contains(tail, []byte{0xf8, 0x3f, 42}) {
		t.Errorf("%x, %x, %v", head, tail, err)
	}
}

// Each log alone, one after the other, is the payload.
func TestOneLogIsAPayloadOfItsOwn(t *testing.T) {
	want := []app.Log{{Service: "a", Message: "0"}, {Service: "a", Message: "1"}, {Service: "b", Host: "h", Message: "2"}}
	payload, err := otlp.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range want {
		one, err := (otlp.Codec{}).One(payload, place)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for log, err := range (otlp.Codec{}).Logs(one, time.Unix(1, 0)) {
			if n++; err != nil || log.Message != want.Message || log.Service != want.Service || log.Host != want.Host {
				t.Errorf("at %d: %+v, %v", place, log, err)
			}
		}
		if n != 1 {
			t.Errorf("at %d: %d logs", place, n)
		}
	}
	for _, broken := range [][]byte{payload, payload[:len(payload)-1], []byte("x")} {
		if _, err := (otlp.Codec{}).One(broken, len(want)); app.KindOf(err) != app.KindInvalid {
			t.Errorf("got %v", err)
		}
	}
}
