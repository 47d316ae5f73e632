package intake_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/klauspost/compress/zstd"

	"millrace/app"
	"millrace/http/intake"
)

func TestEachFormatBecomesOneMessage(t *testing.T) {
	observed := newTally()
	in, e := newIntake(t, intake.Config{Observer: observed})
	got := make(chan *message.Message, 1)
	handle(t, in, func(msg *message.Message) { got <- msg; msg.Ack() })

	const contentType = "Content-Type"
	for name, tc := range map[string]struct {
		path, contentType, body string
		status                  int
		answer, payload, format string
	}{
		"one object":           {"/api/logs", "application/json", `{"message":"a"}`, 202, `{"accepted":1}`, "j", "json"},
		"an object on lines":   {"/api/logs", "application/json; charset=utf-8", "{\n\"a\":\n\"}\"}\n", 202, `{"accepted":1}`, "j", "json"},
		"an array":             {"/api/logs", "application/json", ` [{},{}]`, 202, `{"accepted":2}`, "jj", "json"},
		"lines called JSON":    {"/api/logs", "application/json", "{}\n{}\n{}\n", 202, `{"accepted":3}`, "nnn", "ndjson"},
		"lines":                {"/api/logs", "Application/X-NDJSON", "{}\n{}", 202, `{"accepted":2}`, "nn", "ndjson"},
		"what curl says":       {"/api/logs", "application/x-www-form-urlencoded", "{}\n{}", 202, `{"accepted":2}`, "nn", "ndjson"},
		"nothing said":         {"/api/logs", "", `[{}]`, 202, `{"accepted":1}`, "j", "json"},
		"an empty array":       {"/api/logs", "application/json", `[]`, 202, `{"accepted":0}`, "", "json"},
		"OTLP":                 {"/v1/logs", "application/x-protobuf", "abc", 200, "", "abc", "otlp_proto"},
		"OTLP in JSON":         {"/v1/logs", "application/json", `{"logs":4}`, 200, "{}", "oooo", "otlp_json"},
		"OTLP without logs":    {"/v1/logs", "application/x-protobuf", "", 200, "none", "", "otlp_proto"},
		"OTLP JSON of no logs": {"/v1/logs", "application/json", `{}`, 200, "none", "", "otlp_json"},
		"a log per line, CRLF": {"/api/logs", "text/plain", "{}\r\n{}\r\n", 202, `{"accepted":2}`, "nn", "ndjson"},
		"JSON lines":           {"/api/logs", "application/jsonl", "{}\n", 202, `{"accepted":1}`, "n", "ndjson"},
	} {
		t.Run(name, func(t *testing.T) {
			before := observed.received[tc.format]
			w := serve(e, request(tc.path, []byte(tc.body), contentType, tc.contentType))
			if w.Code != tc.status || w.Body.String() != tc.answer {
				t.Fatalf("answered %d %q, want %d %q", w.Code, w.Body, tc.status, tc.answer)
			}
			if observed.received[tc.format]-before != len(tc.payload) {
				t.Errorf("observed %v", observed.received)
			}
			if tc.payload == "" {
				if len(got) != 0 {
					t.Error("there was a message without logs")
				}
				return
			}
			msg := <-got
			if string(msg.Payload) != tc.payload || msg.Metadata[intake.MetaFormat] != tc.format {
				t.Errorf("message %q %v", msg.Payload, msg.Metadata)
			}
		})
	}
}

func TestAMessageIsNamedLikeItsRequest(t *testing.T) {
	in, e := newIntake(t, intake.Config{})
	got := make(chan *message.Message, 1)
	handle(t, in, func(msg *message.Message) { got <- msg; msg.Ack() })
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	w := serve(e, request("/api/logs", []byte(`[{},{}]`), "X-Request-ID", "abc", "Traceparent", parent, "X-Correlation-ID", "order-7"))
	msg := <-got
	if msg.UUID != "abc" || w.Header().Get("X-Request-ID") != "abc" {
		t.Errorf("id %q, answered %q", msg.UUID, w.Header().Get("X-Request-ID"))
	}
	want := message.Metadata{"count": "2", "format": "json", "traceparent": parent, "correlation_id": "order-7"}
	if len(msg.Metadata) != len(want) {
		t.Errorf("metadata %v", msg.Metadata)
	}
	for key, value := range want {
		if msg.Metadata[key] != value {
			t.Errorf("%s is %q, want %q", key, msg.Metadata[key], value)
		}
	}
	serve(e, request("/api/logs", []byte(`{}`)))
	if msg := <-got; msg.UUID == "" || msg.Metadata["correlation_id"] != msg.UUID {
		t.Errorf("without headers: %q %v", msg.UUID, msg.Metadata)
	}
}

// The payload stays with whoever has the message, long after the request.
func TestAMessageOutlivesItsRequest(t *testing.T) {
	in, e := newIntake(t, intake.Config{})
	got := make(chan *message.Message, 100)
	handle(t, in, func(msg *message.Message) { got <- msg; msg.Ack() })
	for i := range cap(got) {
		body := bytes.Repeat([]byte{byte('a' + i%26)}, 1000+i)
		if w := serve(e, request("/v1/logs", body, "Content-Type", "application/x-protobuf")); w.Code != http.StatusOK {
			t.Fatal(w.Code)
		}
	}
	for i := range cap(got) {
		if want := bytes.Repeat([]byte{byte('a' + i%26)}, 1000+i); !bytes.Equal((<-got).Payload, want) {
			t.Fatalf("payload %d was written over", i)
		}
	}
}

func compress(t testing.TB, encoding string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	switch encoding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "zstd":
		w, _ = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	default:
		return body
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBodiesMayBeCompressed(t *testing.T) {
	in, e := newIntake(t, intake.Config{})
	handle(t, in, ack)
	body := []byte(strings.Repeat(`{"message":"the same again"}`+"\n", 1000))
	for _, encoding := range []string{"gzip", "GZIP", "x-gzip", "zstd", "deflate", "identity"} {
		for range 3 { // decoders are used again
			w := serve(e, request("/api/logs", compress(t, strings.ToLower(encoding), body), "Content-Encoding", encoding))
			if w.Code != http.StatusAccepted || w.Body.String() != `{"accepted":1000}` {
				t.Errorf("%s: %d %s", encoding, w.Code, w.Body)
			}
		}
		// What was left of a broken body must not harm the next.
		if w := serve(e, request("/api/logs", compress(t, strings.ToLower(encoding), body)[:20], "Content-Encoding", encoding)); w.Code != http.StatusBadRequest {
			t.Errorf("half of %s: %d %s", encoding, w.Code, w.Body)
		}
	}
}

// problem is what a client reads of a problem document.
type problem struct {
	Type      string
	Status    int
	Detail    string
	RequestID string `json:"request_id"`
	Accepted  *int
	Errors    []struct {
		Field string
		Line  int
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	observed := newTally()
	in, e := newIntake(t, intake.Config{MaxBody: 1000, Observer: observed})
	handle(t, in, ack)
	long := bytes.Repeat([]byte("x"), 1001)
	for name, tc := range map[string]struct {
		contentType, encoding string
		body                  []byte
		status                int
		kind, detail, reason  string
	}{
		"empty":               {"application/json", "", nil, 400, "invalid", "send at least one log", "invalid"},
		"blank":               {"", "", []byte(" \n\t "), 400, "invalid", "send at least one log", "invalid"},
		"empty gzip":          {"", "gzip", compress(t, "gzip", nil), 400, "invalid", "send at least one log", "invalid"},
		"no JSON":             {"text/plain", "", []byte("hello"), 400, "invalid", "no JSON", "invalid"},
		"a wrong line":        {"application/x-ndjson", "", []byte("{}\n{\n"), 400, "invalid", "line 2 is wrong", "invalid"},
		"XML":                 {"text/xml", "", []byte("<a/>"), 415, "unsupported", "application/x-ndjson", "unsupported"},
		"protobuf":            {"application/x-protobuf", "", []byte("a"), 415, "unsupported", "/v1/logs", "unsupported"},
		"brotli":              {"", "br", []byte("a"), 415, "unsupported", "gzip, zstd, deflate", "unsupported"},
		"twice compressed":    {"", "gzip, zstd", []byte("a"), 415, "unsupported", "gzip, zstd, deflate", "unsupported"},
		"no gzip":             {"", "gzip", []byte("{}"), 400, "invalid", "not the gzip", "invalid"},
		"no zstd":             {"", "zstd", []byte("{}{}{}"), 400, "invalid", "not the zstd", "invalid"},
		"no deflate":          {"", "deflate", []byte("{}"), 400, "invalid", "not the deflate", "invalid"},
		"too long":            {"", "", long, 413, "too-large", "1000 bytes", "too_large"},
		"too long when apart": {"", "gzip", compress(t, "gzip", long), 413, "too-large", "1000 bytes", "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			before := observed.refused[tc.reason]
			w := serve(e, request("/api/logs", tc.body, "Content-Type", tc.contentType, "Content-Encoding", tc.encoding))
			var doc problem
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != tc.status || doc.Status != tc.status || doc.Type != "urn:millrace:problem:"+tc.kind || !strings.Contains(doc.Detail, tc.detail) {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			if doc.Accepted == nil || *doc.Accepted != 0 || doc.RequestID == "" {
				t.Errorf("accepted or request_id is missing in %s", w.Body)
			}
			if observed.refused[tc.reason] != before+1 {
				t.Errorf("observed %v", observed.refused)
			}
		})
	}
	w := serve(e, request("/api/logs", []byte("{}\n{\n"), "Content-Type", "application/x-ndjson"))
	var doc problem
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || len(doc.Errors) != 1 || doc.Errors[0].Line != 2 || doc.Errors[0].Field != "level" {
		t.Errorf("the line is not named: %s", w.Body)
	}
}

func TestANackIsTheClientsRefusal(t *testing.T) {
	for name, tc := range map[string]struct {
		err        error
		status     int
		detail     string
		retryAfter string
	}{
		"full":         {&app.Error{Kind: app.KindFull, Message: "the buffer is full", RetryAfter: 2500 * time.Millisecond}, 503, "the buffer is full", "3"},
		"too large":    {app.Errorf(app.KindTooLarge, "never fits"), 413, "never fits", ""},
		"away":         {app.Errorf(app.KindUnavailable, "Kafka is away"), 503, "Kafka is away", "1"},
		"too slow":     {app.Errorf(app.KindTimeout, "too slow"), 504, "too slow", ""},
		"unexplained":  {errors.New("a secret"), 503, "send the same again", "1"},
		"not even one": {nil, 503, "send the same again", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			observed := newTally()
			in, e := newIntake(t, intake.Config{Observer: observed})
			handle(t, in, func(msg *message.Message) {
				if tc.err != nil {
					app.OutcomeFrom(msg.Context()).Fail(tc.err)
				}
				msg.Nack()
			})
			for _, r := range []*http.Request{
				request("/api/logs", []byte("{}\n{}")),
				request("/v1/logs", []byte("ab"), "Content-Type", "application/x-protobuf"),
				request("/v1/logs", []byte(`{"logs":2}`), "Content-Type", "application/json"),
			} {
				w := serve(e, r)
				if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.detail) || strings.Contains(w.Body.String(), "secret") {
					t.Errorf("%s: answered %d %s", r.URL, w.Code, w.Body)
				}
				if got := w.Header().Get("Retry-After"); got != tc.retryAfter {
					t.Errorf("%s: Retry-After %q, want %q", r.URL, got, tc.retryAfter)
				}
				if want := r.Header.Get("Content-Type"); want != "" && w.Header().Get("Content-Type") != want {
					t.Errorf("%s: asked in %s, answered in %s", r.URL, want, w.Header().Get("Content-Type"))
				}
			}
			if len(observed.received) != 0 || len(observed.refused) != 1 {
				t.Errorf("observed %v and %v", observed.received, observed.refused)
			}
			for _, logs := range observed.refused {
				if logs != 6 {
					t.Errorf("%d logs were refused, want 6", logs)
				}
			}
		})
	}
}

func TestOTLPNeedsItsContentType(t *testing.T) {
	in, e := newIntake(t, intake.Config{})
	handle(t, in, ack)
	for _, contentType := range []string{"", "text/plain", "application/x-ndjson"} {
		w := serve(e, request("/v1/logs", []byte("a"), "Content-Type", contentType))
		if w.Code != http.StatusUnsupportedMediaType || !strings.Contains(w.Body.String(), "application/x-protobuf") {
			t.Errorf("%q: %d %s", contentType, w.Code, w.Body)
		}
	}
}
