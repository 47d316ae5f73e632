package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What users of other shippers lost, each a test that names where they told of
// it. Those that need a journal are in journal_test.go.

// incompressible is a text that stays as large, however it is compressed.
func incompressible(size int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	random := rand.New(rand.NewPCG(1, 1))
	b := make([]byte, size)
	for i := range b {
		b[i] = letters[random.IntN(len(letters))]
	}
	return string(b)
}

// A log that Kafka will never take drops none of its neighbours
// (opentelemetry-collector #14264), is not tried for ever while the others wait
// (opentelemetry-collector-contrib #30275, #38604), and can be found
// (opentelemetry-collector-contrib #44161).
func TestAnOversizeLogDropsNothingElse(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_MAX_DELAY=200ms")
	p.start("shipper")
	p.start("consumer")
	p.send(0, 1500)
	oversize := fmt.Sprintf(`{"service":%q,"message":"oversize %s"}`+"\n", p.service, incompressible(2<<20))
	if got := p.post("application/x-ndjson", p.lines(1500, 700)+oversize+p.lines(2200, 800)); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	p.send(3000, 2000)
	p.expectStored(5000)
	findRecord(t, "logs.poison", func(r *record) bool {
		return bytes.Contains(r.Value, []byte("oversize ")) && bytes.Contains(r.Value, []byte(p.service))
	})
	if poisoned := p.count("shipper", "logs.poisoned"); poisoned != 1 {
		t.Errorf("%d logs were set aside", poisoned)
	}
}

// sender sends requests one after another, each of logs with numbers of their
// own and none twice, until it is stopped, and knows which were accepted.
type sender struct {
	p    *pipeline
	size int
	stop chan struct{}
	done sync.WaitGroup

	mu       sync.Mutex
	accepted []int // first numbers of the requests, in the order they were sent
}

const numbersOfOne = 10_000_000 // what one of several senders counts with

// sendOn begins to send: each of some clients a request of a size at a time.
func (p *pipeline) sendOn(clients, size int) *sender { return p.sendFrom(0, clients, size) }

// sendFrom is sendOn with numbers from one on.
func (p *pipeline) sendFrom(number, clients, size int) *sender {
	s := &sender{p: p, size: size, stop: make(chan struct{})}
	for client := range clients {
		s.done.Go(func() {
			for first := number + client*numbersOfOne; ; first += size {
				select {
				case <-s.stop:
					return
				default:
				}
				s.one(first)
				if !s.pause() {
					return
				}
			}
		})
	}
	p.t.Cleanup(s.halt)
	return s
}

// pause waits a little before more is sent: all tests read the same topic.
func (s *sender) pause() bool {
	select {
	case <-s.stop:
		return false
	case <-time.After(20 * time.Millisecond):
		return true
	}
}

// aSecond ends each request's wait, so that an outage is met by many.
var aSecond = &http.Client{Timeout: 3 * time.Second}

// one sends one request.
func (s *sender) one(first int) {
	response, err := aSecond.Post("http://"+s.p.addr["shipper"]+"/api/logs", "application/x-ndjson", strings.NewReader(s.p.lines(first, s.size)))
	if err != nil {
		return
	}
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = append(s.accepted, first)
}

// halt ends the sending.
func (s *sender) halt() {
	s.mu.Lock()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.mu.Unlock()
	s.done.Wait()
}

// took returns how many requests were accepted up to now.
func (s *sender) took() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accepted)
}

// expectAll ends the sending and waits until every log that was accepted is
// stored, and no log twice. What was not accepted may be there as well.
func (s *sender) expectAll() {
	s.p.t.Helper()
	s.halt()
	lacking := func() (none []int) {
		stored := s.p.storedNumbers()
		for _, first := range s.accepted {
			for n := first; n < first+s.size; n++ {
				switch times := stored[n]; {
				case times == 0:
					none = append(none, n)
				case times > 1:
					s.p.t.Fatalf("log %d is stored %d times", n, times)
				}
			}
		}
		return none
	}
	var none []int
	defer func() {
		if len(none) > 0 {
			s.p.t.Errorf("%d of the %d logs that were accepted are not stored, first %v", len(none), len(s.accepted)*s.size, none[:min(10, len(none))])
		}
	}()
	eventually(s.p.t, "every log that was accepted is stored", func() bool { none = lacking(); return len(none) == 0 })
	if all, different := s.p.stored(); all != different {
		s.p.t.Errorf("%d logs are stored, %d different ones", all, different)
	}
}

// storedNumbers returns how often each log of this test is stored, by number.
func (p *pipeline) storedNumbers() map[int]int {
	p.t.Helper()
	var all []string
	p.query("SELECT coalesce(array_agg(message), '{}') FROM logs WHERE service = $1", []any{p.service}, &all)
	numbers := make(map[int]int, len(all))
	for _, message := range all {
		n, err := strconv.Atoi(strings.TrimPrefix(message, "log "))
		if err != nil {
			p.t.Fatal(err)
		}
		numbers[n]++
	}
	return numbers
}

// An outage of Kafka that lasts longer than a client waits for an answer, with
// all the tries it has: what was accepted in its beginning is there after it, as
// is what was accepted before, and once it is over
// (opentelemetry-collector-contrib #48635, vector #14259). A Kafka that hangs
// answers nothing, one that was killed refuses every connection.
func TestTheBeginningOfALongOutageIsThere(t *testing.T) {
	for _, c := range []struct {
		acknowledge string
		begin       func(*testing.T) (end func())
		lasts       time.Duration
	}{
		{"buffered", killKafka, 10 * time.Second},
		{"journaled", freezeKafka, 25 * time.Second}, // an answer is waited for 10 s
	} {
		t.Run(c.acknowledge, func(t *testing.T) {
			p := newPipeline(t, "MILLRACE_BATCHING_ACKNOWLEDGE="+c.acknowledge)
			p.start("shipper")
			p.start("consumer")
			s := p.sendOn(2, 50)
			eventually(t, "logs are accepted", func() bool { return s.took() > 20 })
			back := c.begin(t)
			if c.acknowledge == "buffered" {
				eventually(t, "the buffer is full", func() bool { return p.count("shipper", "logs.rejected") > 0 })
			}
			outage(t, c.lasts)
			if held := p.metric("shipper", "buffer.size", "VALUE"); held < 9000 {
				t.Errorf("the shipper holds %v logs of the outage", held)
			}
			back()
			during := s.took()
			eventually(t, "logs are accepted again", func() bool { return s.took() > during+20 })
			s.expectAll()
		})
	}
}

// freezeKafka lets Kafka hang. back ends that; so does the end of the test.
func freezeKafka(t *testing.T) (back func()) {
	kafka.Pause()
	back = sync.OnceFunc(kafka.Resume)
	t.Cleanup(back)
	return back
}

// killKafka kills Kafka. back starts it again; so does the end of the test.
func killKafka(t *testing.T) (back func()) {
	t.Helper()
	kafka.Kill()
	away := true
	back = func() {
		t.Helper()
		if !away {
			return
		}
		away = false
		if err := kafka.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(back)
	return back
}

// outage lets time pass: there is nothing to wait for but the time itself.
func outage(t *testing.T, lasts time.Duration) {
	t.Helper()
	select {
	case <-time.After(lasts):
	case <-t.Context().Done():
	}
}

// Brokers that come and go: nothing that was accepted is lost or stored twice
// (vector #24193, #10398).
func TestABouncingBrokerLosesNothing(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_ACKNOWLEDGE=buffered", "MILLRACE_BATCHING_MAX_DELAY=50ms")
	p.start("shipper")
	p.start("consumer")
	s := p.sendOn(2, 50)
	eventually(t, "Kafka takes logs", func() bool { return p.count("shipper", "logs.sent") > 1000 })
	for range 3 {
		before := s.took()
		killKafka(t)()
		eventually(t, "logs are accepted", func() bool { return s.took() > before })
	}
	s.expectAll()
}

// A consumer that is killed again and again while it stores, so also between
// the commit in PostgreSQL and the one of its offset: nothing is stored twice
// (fluent-bit #2123).
func TestAKilledConsumerStoresNothingTwice(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_MAX_DELAY=20ms")
	p.start("shipper")
	consumer := p.start("consumer")
	s := p.sendOn(2, 50)
	stored, again := 0, 0
	for range 2 {
		before := stored
		eventually(t, "the consumer stores logs", func() bool { stored, _ = p.stored(); return stored > before+1000 })
		again += p.count("consumer", "batches.duplicate")
		consumer.Kill()
		stored, _ = p.stored()
		if err := consumer.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.expectAll()
	if again += p.count("consumer", "batches.duplicate"); again == 0 {
		t.Error("no batch was delivered a second time, so nothing was shown")
	}
}

// A backlog far above what the consumer may have in memory
// (opentelemetry-collector-contrib #41204, on the other side) is drained, and at
// the end no slower than at the beginning. How fast that is, the benchmark
// says: here it would be the machine that is measured.
func TestABacklogAboveTheMemoryLimitDrains(t *testing.T) {
	const (
		limit    = 64 << 20
		logs     = 200_000
		size     = 1000               // bytes of a log, so 200 MB in all
		request  = 500                // logs
		resident = float64(limit) * 3 // what the process may take with all that is not the heap
		slower   = 3                  // times, by which the second half may be behind the first on a busy machine
	)
	p := newPipeline(t, "MILLRACE_BATCHING_BUFFER_CAPACITY=50000")
	p.start("shipper")
	padding := strings.Repeat("x", size)
	p.start("consumer").Stop() // makes the tables
	for first := 0; first < logs; first += request {
		body := strings.ReplaceAll(p.lines(first, request), `"attributes":{`, `"attributes":{"padding":"`+padding+`",`)
		eventually(t, "there is room", func() bool {
			got := p.post("application/x-ndjson", body)
			return got.status == http.StatusAccepted
		})
	}
	eventually(t, "Kafka has it all", func() bool { return p.count("shipper", "logs.sent") == logs })
	consumer := p.start("consumer", fmt.Sprintf("GOMEMLIMIT=%d", limit))
	reaches := func(n int) time.Time {
		eventually(t, fmt.Sprintf("%d logs are stored", n), func() bool { return p.count("consumer", "logs.stored") >= n })
		return time.Now()
	}
	began, half, end := reaches(1), reaches(logs/2), reaches(logs)
	p.expectStored(logs)
	most := peakMemory(t, consumer.PID())
	t.Logf("%d logs, %d MB, drained in %v and %v with at most %.0f MB in memory", logs, logs*size>>20, half.Sub(began), end.Sub(half), most/(1<<20))
	if end.Sub(half) > slower*half.Sub(began) {
		t.Errorf("the first half drained in %v, the second in %v", half.Sub(began), end.Sub(half))
	}
	if most > resident {
		t.Errorf("the consumer took %.0f MB of memory, its limit is %d MB", most/(1<<20), limit>>20)
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory returns the most memory that a process ever had, in bytes.
func peakMemory(t *testing.T, pid int) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := highWater.FindSubmatch(status)
	if found == nil {
		t.Fatalf("the kernel does not tell: %s", status)
	}
	kilobytes, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes * 1024
}
