package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// TestOddLogsComeBackAsSent sends many logs with odd text, as JSON, as lines and
// as OTLP, packed and not, and compares each with what an export and the pages of
// a search give back. ODD_LOGS says how many.
func TestOddLogsComeBackAsSent(t *testing.T) {
	total := 1_000_000
	if text := os.Getenv("ODD_LOGS"); text != "" {
		total, _ = strconv.Atoi(text)
	}
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.start("gateway")
	base := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	began := time.Now()
	p.sendOdd(base, total)
	t.Logf("sent after %s", time.Since(began))
	eventually(t, "all are stored", func() bool {
		var stored, quarantined int
		p.query("SELECT coalesce(sum(stored), 0), (SELECT count(*) FROM quarantine) FROM ledger", nil, &stored, &quarantined)
		if quarantined > 0 {
			t.Fatalf("%d items are in quarantine", quarantined)
		}
		return stored >= total
	})
	t.Logf("stored after %s", time.Since(began))
	for _, format := range []string{"ndjson", "otlp"} {
		seen := newSeen(base, total)
		p.export("/api/logs/export?format="+format, func(line []byte) error {
			if format == "otlp" {
				return eachOTLP(line, seen.check)
			}
			return seen.read(line)
		})
		if seen.count != total {
			t.Errorf("%s: %d of %d came back", format, seen.count, total)
		}
		t.Logf("%s compared after %s", format, time.Since(began))
	}
	p.pages(newSeen(base, total), min(total, 20_000))
}

// sendOdd sends logs a thousand at a time, each request in another way.
func (p *pipeline) sendOdd(base time.Time, total int) {
	p.t.Helper()
	group, ctx := errgroup.WithContext(p.t.Context())
	group.SetLimit(4)
	packed, err := zstd.NewWriter(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer packed.Close()
	for first := 0; first < total; first += oddRequest {
		group.Go(func() error {
			way := wayOf(first)
			var logs []*oddLog
			for n := first; n < min(first+oddRequest, total); n++ {
				logs = append(logs, newOddLog(base, n, way))
			}
			body, contentType := oddBody(logs, way)
			path, encoding := "/api/logs", []string{"", "gzip", "zstd"}[first/oddRequest/waysToSend%3]
			if way == asOTLP {
				path = "/v1/logs"
			}
			switch encoding {
			case "gzip":
				var b bytes.Buffer
				w := gzip.NewWriter(&b)
				_, _ = w.Write(body) // into memory
				_ = w.Close()
				body = b.Bytes()
			case "zstd":
				body = packed.EncodeAll(body, nil)
			}
			return p.deliver(ctx, path, contentType, encoding, body)
		})
	}
	if err := group.Wait(); err != nil {
		p.t.Fatal(err)
	}
}

const oddRequest = 1000

// wayOf tells how the nth log is sent.
func wayOf(n int) int { return n / oddRequest % waysToSend }

// deliver sends a request until there is room for it.
func (p *pipeline) deliver(ctx context.Context, path, contentType, encoding string, body []byte) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.addr["shipper"]+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", contentType)
		if encoding != "" {
			request.Header.Set("Content-Encoding", encoding)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		answer, _ := io.ReadAll(response.Body)
		response.Body.Close()
		switch response.StatusCode {
		case http.StatusOK, http.StatusAccepted:
			return nil
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return fmt.Errorf("%s %s: %d %s", contentType, encoding, response.StatusCode, answer)
		}
	}
}

// export visits each line of an export.
func (p *pipeline) export(path string, visit func([]byte) error) {
	p.t.Helper()
	response, err := http.Get("http://" + p.addr["gateway"] + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReaderSize(response.Body, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return
		}
		if err != nil {
			p.t.Fatalf("after %.100s: %v", line, err)
		}
		if err := visit(line); err != nil {
			p.t.Error(err)
		}
		if p.t.Failed() {
			p.t.FailNow()
		}
	}
}

// pages follows a search for so many logs.
func (p *pipeline) pages(seen *seen, wanted int) {
	p.t.Helper()
	const first = "/api/logs?order=oldest&limit=1000"
	path := first
	for seen.count < wanted {
		var page struct {
			Logs []json.RawMessage
			Next string
		}
		p.json(path, &page)
		for _, log := range page.Logs {
			if err := seen.read(log); err != nil {
				p.t.Fatal(err)
			}
		}
		if page.Next == "" {
			break
		}
		path = first + "&cursor=" + url.QueryEscape(page.Next)
	}
	if seen.count < wanted {
		p.t.Errorf("%d of %d came back in pages", seen.count, wanted)
	}
}

// shownLog is a log as it comes back.
type shownLog struct {
	Timestamp  time.Time
	Level      string
	Service    string
	Host       string
	Message    string
	Attributes map[string]any
	TraceID    string `json:"trace_id"`
	SpanID     string `json:"span_id"`
}

// seen compares what comes back with what was sent, each log once.
type seen struct {
	base  time.Time
	came  []bool
	count int
}

func newSeen(base time.Time, total int) *seen { return &seen{base: base, came: make([]bool, total)} }

func (s *seen) read(line []byte) error {
	var log shownLog
	if err := decode(line, &log); err != nil {
		return fmt.Errorf("%.200s: %w", line, err)
	}
	return s.check(&log)
}

func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into)
}

func (s *seen) check(log *shownLog) error {
	number, _ := log.Attributes["n"].(json.Number)
	n, err := strconv.Atoi(string(number))
	if err != nil || n < 0 || n >= len(s.came) || s.came[n] {
		return fmt.Errorf("log %q comes unasked, or again: %+v", number, log)
	}
	s.came[n] = true
	s.count++
	sent := newOddLog(s.base, n, wayOf(n))
	if err := log.restore(); err != nil {
		return fmt.Errorf("log %d: %w", n, err)
	}
	if !log.Timestamp.Equal(sent.time) || log.Level != sent.level || log.Service != sent.service || log.Host != sent.host || log.Message != sent.message ||
		log.TraceID != sent.trace || log.SpanID != sent.span || !sameValue(log.Attributes, sent.attributes) {
		return fmt.Errorf("log %d was sent as %.2000q, and came back as %.2000q", n, fmt.Sprint(*sent), fmt.Sprint(*log))
	}
	return nil
}

const rawPrefix = "millrace.raw."

// restore puts what could not be stored as it was back in its place: it is kept in
// attributes, in base64.
func (l *shownLog) restore() error {
	texts := map[string]*string{"message": &l.Message, "service": &l.Service, "host": &l.Host}
	attributes := l.Attributes
	for name, field := range texts {
		kept, ok := attributes[rawPrefix+name].(string)
		raw, err := base64.StdEncoding.DecodeString(kept)
		if !ok || err != nil || !replaced(*field, string(raw)) {
			continue // it is an attribute that is called so
		}
		*field = string(raw)
		delete(l.Attributes, rawPrefix+name)
	}
	if kept, ok := attributes[rawPrefix+"attributes"].(string); ok {
		raw, err := base64.StdEncoding.DecodeString(kept)
		if err != nil {
			return err
		}
		l.Attributes = nil
		return decode(raw, &l.Attributes)
	}
	return nil
}

// replaced tells whether a text is what is shown in the place of another; of a
// service with a very long name that is its beginning.
func replaced(shown, raw string) bool {
	stands := strings.ReplaceAll(strings.ToValidUTF8(raw, "\ufffd"), "\x00", "\u2400")
	return shown != raw && (shown == stands || len(shown) > 1000 && strings.HasPrefix(stands, shown))
}

// beyondInteger tells whether a number is whole and beyond 64 bits.
func beyondInteger(sent any) bool {
	float, ok := sent.(float64)
	return ok && math.Abs(float) >= 1<<63
}

// sameValue compares a value that came back with one that was sent.
func sameValue(got, sent any) bool {
	switch sent := sent.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(sent) {
			return false
		}
		for name, value := range sent {
			if have, ok := object[name]; !ok || !sameValue(have, value) {
				return false
			}
		}
		return true
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(sent) {
			return false
		}
		for i := range sent {
			if !sameValue(list[i], sent[i]) {
				return false
			}
		}
		return true
	case string:
		return sameText(got, sent)
	case int, int64, float64:
		number, ok := got.(json.Number)
		if digits, text := got.(string); text && beyondInteger(sent) {
			number, ok = json.Number(digits), true // OTLP has no such integer: it is text there
		}
		text, _ := json.Marshal(sent)
		if ok && string(number) == string(text) {
			return true
		}
		a, okA := new(big.Rat).SetString(string(number))
		b, okB := new(big.Rat).SetString(string(text))
		return ok && okA && okB && a.Cmp(b) == 0
	default:
		return got == sent
	}
}
