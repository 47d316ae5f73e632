package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
)

// site is a shipper and a gateway that keep logs in memory. fault decides what
// becomes of request k: its status, and how often its logs are stored.
type site struct {
	fault func(k int) (status, times int)

	mu     sync.Mutex
	stored []json.RawMessage
	asked  int
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/metrics":
		fmt.Fprintf(w, "# TYPE logs_sent_total counter\nlogs_sent_total %d\n# TYPE batches_sent_total counter\nbatches_sent_total %d\n", len(s.stored), len(s.stored)/10)
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		var log struct{ Attributes struct{ N int } }
		lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
		if err := json.Unmarshal(lines[0], &log); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		status, times := s.fault(log.Attributes.N / len(lines))
		for range times {
			for _, line := range lines {
				s.stored = append(s.stored, json.RawMessage(line))
			}
		}
		w.WriteHeader(status)
		if status != http.StatusAccepted {
			fmt.Fprint(w, `{"detail":"the buffer is full"}`)
		}
	default:
		s.page(w, r)
	}
}

// page answers with some logs, and has the newest only when asked again.
func (s *site) page(w http.ResponseWriter, r *http.Request) {
	if s.asked++; s.asked == 2 {
		fmt.Fprint(w, `{"logs":[],"next":null}`)
		return
	}
	const size = 30
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	to := min(from+size, len(s.stored))
	var next *string
	if to < len(s.stored) {
		text := strconv.Itoa(to)
		next = &text
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"logs": s.stored[from:to], "next": next})
}

func TestRunFindsWhatIsLost(t *testing.T) {
	fine := func(int) (int, int) { return http.StatusAccepted, 1 }
	at := func(k, status, times int) func(int) (int, int) {
		return func(i int) (int, int) {
			if i == k {
				return status, times
			}
			return http.StatusAccepted, 1
		}
	}
	for name, tc := range map[string]struct {
		fault func(int) (int, int)
		loss  bool
		table string
	}{
		"all is well":                   {fine, false, "missing         0"},
		"an accepted request is lost":   {at(7, http.StatusAccepted, 0), true, "MISSING         3 accepted logs: numbers 21-23"},
		"a request is stored twice":     {at(7, http.StatusAccepted, 2), true, "TWICE           3 logs: numbers 21-23"},
		"a refused request":             {at(7, http.StatusServiceUnavailable, 0), false, "503 the buffer is full"},
		"a refused request is stored":   {at(7, http.StatusServiceUnavailable, 1), true, "UNWANTED        3 logs of refused requests are stored: numbers 21-23"},
		"a failed request is stored":    {at(7, http.StatusInternalServerError, 1), false, "unknown         3 logs"},
		"a failed request is not":       {at(7, http.StatusInternalServerError, 0), false, "missing         0"},
		"a failed request stored twice": {at(7, http.StatusBadGateway, 2), true, "TWICE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&site{fault: tc.fault})
			defer server.Close()
			cfg, err := parse([]string{
				"-shipper", server.URL, "-gateway", server.URL + "/", "-requests", "40", "-time", "100ms",
				"-size", "3", "-protocol", "ndjson", "-patience", "1ms",
			}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			var table, progress bytes.Buffer
			err = run(t.Context(), cfg, &table, &progress)
			if errors.Is(err, errLoss) != tc.loss || err != nil && !errors.Is(err, errLoss) {
				t.Errorf("it ended with %v", err)
			}
			if !strings.Contains(table.String(), tc.table) {
				t.Errorf("the table lacks %q:\n%s", tc.table, &table)
			}
			if !strings.HasPrefix(progress.String(), "sending 40 requests of 3 logs") {
				t.Errorf("progress is %q", &progress)
			}
		})
	}
}

func TestRunNeedsAShipperAndAGateway(t *testing.T) {
	server := httptest.NewServer(&site{fault: func(int) (int, int) { return http.StatusAccepted, 1 }})
	defer server.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for flag, want := range map[string]string{"-shipper": "no shipper answers", "-gateway": "no gateway answers"} {
		args := append([]string{"-shipper", server.URL, "-gateway", server.URL}, flag, closed.URL)
		cfg, err := parse(args, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), cfg, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestFlags(t *testing.T) {
	cfg, err := parse(nil, io.Discard)
	if err != nil || cfg.requests != 10_000 || cfg.time != time.Minute || cfg.size != 1 {
		t.Errorf("the defaults are %+v, error %v", cfg, err)
	}
	cfg, err = parse([]string{"-rate", "50", "-time", "10s", "-header", "Authorization: Bearer k"}, io.Discard)
	if err != nil || cfg.requests != 500 || cfg.headers.Get("Authorization") != "Bearer k" {
		t.Errorf("%+v, error %v", cfg, err)
	}
	for _, args := range [][]string{
		{"-protocol", "smoke"}, {"-size", "0"}, {"-time", "0s"}, {"-rate", "-1"}, {"-rate", "0.001"}, {"-requests", "2000000", "-size", "1000"},
		{"-shipper", "localhost:8082"}, {"-gateway", "x"}, {"more"}, {"-header", "nothing"},
	} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

// Every protocol says the same of a log.
func TestProtocols(t *testing.T) {
	for name, p := range protocols {
		body, err := newBodies(p, 2, 100).request(5)
		if err != nil {
			t.Fatal(err)
		}
		numbers, messages := []int64{}, []string{}
		switch name {
		case "json", "ndjson":
			text := strings.ReplaceAll(strings.Trim(strings.TrimSpace(string(body)), "[]"), "}\n{", "},{")
			var logs []entry
			if err := json.Unmarshal([]byte("["+text+"]"), &logs); err != nil {
				t.Fatalf("%s: %v in %s", name, err, body)
			}
			for _, log := range logs {
				numbers, messages = append(numbers, int64(log.Attributes[numberKey])), append(messages, log.Message)
			}
		default:
			var data logspb.LogsData
			if name == "otlp" {
				err = proto.Unmarshal(body, &data)
			} else {
				err = protojson.Unmarshal(body, &data)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, record := range data.ResourceLogs[0].ScopeLogs[0].LogRecords {
				numbers, messages = append(numbers, record.Attributes[0].Value.GetIntValue()), append(messages, record.Body.GetStringValue())
			}
		}
		if len(numbers) != 2 || numbers[0] != 10 || numbers[1] != 11 {
			t.Errorf("%s: the logs are numbered %v", name, numbers)
		}
		for _, m := range messages {
			if len(m) != 100 || !strings.HasPrefix(m, "request 5, log 1") {
				t.Errorf("%s: a message of %d bytes: %s", name, len(m), m)
			}
		}
	}
}

func TestRanges(t *testing.T) {
	if got := ranges([]uint64{9, 3, 1, 2, 7}); got != "1-3, 7, 9" {
		t.Error(got)
	}
	many := make([]uint64, 50)
	for i := range many {
		many[i] = uint64(2 * i)
	}
	if got := ranges(many); !strings.HasSuffix(got, "18, …") {
		t.Error(got)
	}
}
