package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a shipper with a journal promises: a log that was accepted is there,
// whatever happens to the shipper and to Kafka after that.

func newJournaledPipeline(t *testing.T, settings ...string) *pipeline {
	return newPipeline(t, append([]string{
		"MILLRACE_BATCHING_ACKNOWLEDGE=journaled", "MILLRACE_BATCHING_MAX_DELAY=100ms", "MILLRACE_SHUTDOWN_TIMEOUT=2s",
	}, settings...)...)
}

// A shipper that is stopped, or killed as by a power loss, while Kafka is away
// (fluent-bit #4225, #6144): all that it had accepted, before and during the
// outage, arrives when both are back, and no log twice (fluent-bit #2123).
func TestAnOutageOutlivesTheShipper(t *testing.T) {
	for name, end := range map[string]func(*process){
		"SIGTERM": func(r *process) { r.Stop() },
		"kill -9": func(r *process) { r.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newJournaledPipeline(t)
			shipper := p.start("shipper")
			p.start("consumer")
			s := p.sendOn(2, 50)
			eventually(t, "logs are accepted", func() bool { return s.took() > 20 })
			kafkaBack := killKafka(t)
			before := s.took()
			eventually(t, "logs are accepted while Kafka is away", func() bool { return s.took() > before+50 })
			end(shipper)
			kafkaBack()
			if err := shipper.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			during := s.took()
			eventually(t, "logs are accepted again", func() bool { return s.took() > during+20 })
			s.expectAll()
		})
	}
}

// A shipper that comes up while Kafka is away takes logs, and ships them when
// Kafka is back.
func TestAShipperStartsDuringAnOutage(t *testing.T) {
	p := newJournaledPipeline(t)
	shipper := p.start("shipper")
	p.start("consumer")
	p.send(0, 100)
	p.expectStored(100)
	kafkaBack := killKafka(t)
	p.send(100, 100)
	shipper.Kill()
	if err := shipper.Launch(); err != nil { // it need not be healthy
		t.Fatal(err)
	}
	s := p.sendFrom(1000, 2, 50)
	eventually(t, "logs are accepted while Kafka is away", func() bool { return s.took() > 50 })
	kafkaBack()
	s.accepted = append(s.accepted, 0, 50, 100, 150)
	s.expectAll()
}

// A record that was only half written when the shipper was killed, as when the
// machine ran out of memory, stops nothing (vector #18336): all that was accepted
// before it is there.
func TestAHalfWrittenRecordCostsNothingBeforeIt(t *testing.T) {
	p := newJournaledPipeline(t)
	shipper := p.start("shipper")
	p.start("consumer")
	p.send(0, 10)
	p.expectStored(10)
	kafkaBack := killKafka(t)
	for n := 10; n < 1000; n += 10 {
		p.send(n, 10)
	}
	// The half record: it is whole and accepted, then its end is taken away.
	p.send(1_000_000, 10)
	shipper.Kill()
	cutEnd(t, p.data, 40)
	kafkaBack()
	if err := shipper.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.send(2000, 10) // it takes logs as before
	eventually(t, "all that was accepted is stored", func() bool {
		stored := p.storedNumbers()
		for n := range 1000 {
			if stored[n] == 0 {
				return false
			}
		}
		return stored[2009] > 0
	})
	if all, different := p.stored(); all != different || all > 1020 {
		t.Errorf("%d logs are stored, %d different ones", all, different)
	}
}

// cutEnd takes the last bytes from the journal's newest file. What follows them
// is room that was set apart, all zeros.
func cutEnd(t *testing.T, data string, bytes int) {
	t.Helper()
	var newest string
	var written time.Time
	err := filepath.WalkDir(filepath.Join(data, "journal"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".wal") {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(written) {
			newest, written = path, info.ModTime()
		}
		return err
	})
	if err != nil || newest == "" {
		t.Fatalf("no file of the journal in %s: %v", data, err)
	}
	content, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	end := len(strings.TrimRight(string(content), "\x00"))
	if end <= bytes {
		t.Fatalf("%s holds %d bytes", newest, end)
	}
	if err := os.Truncate(newest, int64(end-bytes)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s of %d bytes was cut to %d", filepath.Base(newest), len(content), end-bytes)
}

// A backlog in the journal that is far above what the shipper may have in
// memory (opentelemetry-collector-contrib #41204) is shipped no slower than it came.
func TestABacklogInTheJournalDrains(t *testing.T) {
	const (
		limit    = 64 << 20
		logs     = 200_000
		size     = 1000
		request  = 500
		resident = float64(limit) * 3
	)
	p := newJournaledPipeline(t)
	shipper := p.start("shipper", fmt.Sprintf("GOMEMLIMIT=%d", limit))
	padding := strings.Repeat("x", size)
	kafkaBack := killKafka(t)
	began := time.Now()
	for first := 0; first < logs; first += request {
		body := strings.ReplaceAll(p.lines(first, request), `"attributes":{`, `"attributes":{"padding":"`+padding+`",`)
		if got := p.post("application/x-ndjson", body); got.status != 202 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	came := time.Since(began)
	kafkaBack()
	began = time.Now()
	eventually(t, "logs are sent", func() bool { return p.count("shipper", "logs.sent") > 0 })
	found := time.Since(began)
	eventually(t, "Kafka has it all", func() bool { return p.count("shipper", "logs.sent") >= logs })
	drained := time.Since(began) - found
	most := peakMemory(t, shipper.PID())
	t.Logf("%d logs, %d MB, came in %v, Kafka was found after %v, drained in %v with at most %.0f MB in memory",
		logs, logs*size>>20, came, found, drained, most/(1<<20))
	// Kafka's JVM has just started, and compiles what it runs: it is given twice
	// the time. Draining ever slower takes many times that.
	if drained > 2*came {
		t.Errorf("what came in %v drained in %v", came, drained)
	}
	if most > resident {
		t.Errorf("the shipper took %.0f MB of memory, its limit is %d MB", most/(1<<20), limit>>20)
	}
}
