package batching_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// memory is a Journal that keeps nothing over a crash.
type memory struct {
	mu      sync.Mutex
	records []batching.Record // not yet read
	first   uint64
	units   int64 // not acknowledged
	acked   uint64
	bytes   int64
	stopped bool
	closed  int
	changed chan struct{} // holds one signal
	before  []batching.Seal
	sealed  []string // in the order of the calls
}

func newMemory() *memory { return &memory{first: 1, changed: make(chan struct{}, 1)} }

func (j *memory) signal() {
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

func (j *memory) Append(_ context.Context, r batching.Record, _ bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return batching.ErrClosed
	}
	r.Sequence, r.First, r.TakenAt = "s", j.first, time.Now()
	j.first += uint64(r.Units)
	j.units += int64(r.Units)
	j.bytes += int64(len(r.Body))
	j.records = append(j.records, r)
	j.signal()
	return nil
}

func (j *memory) Stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped = true
	j.signal()
}

func (j *memory) Next(ctx context.Context) (batching.Record, error) {
	for {
		j.mu.Lock()
		if len(j.records) > 0 {
			r := j.records[0]
			j.records = j.records[1:]
			j.mu.Unlock()
			return r, nil
		}
		stopped := j.stopped
		j.mu.Unlock()
		if stopped {
			return batching.Record{}, io.EOF
		}
		select {
		case <-j.changed:
		case <-ctx.Done():
			return batching.Record{}, ctx.Err()
		}
	}
}

func (j *memory) More() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.records) > 0
}

func (j *memory) Ack(_ string, last uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.units -= int64(last - j.acked)
	j.acked = last
}

// Backlog tells of a journal with room for a million bytes.
func (j *memory) Backlog() (units, bytes, limit int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.units, j.bytes, j.bytes + 1_000_000
}

func (j *memory) Seals() []batching.Seal { return j.before }

func (j *memory) Seal(seals ...batching.Seal) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for _, s := range seals {
		all = append(all, fmt.Sprintf("%d+%d", s.First, s.Count))
	}
	j.sealed = append(j.sealed, strings.Join(all, " "))
	return nil
}

func (j *memory) Close() error { j.closed++; return nil }

func journaled(j *memory) batching.Config {
	return letters(batching.Config{MaxMessages: 4, BufferLimit: 8, Acknowledge: batching.Journaled,
		OpenJournal: func(string) (batching.Journal, error) { return j, nil }})
}

// Close flushes the whole backlog, though memory holds but a part of it.
func TestCloseFlushesTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{fail: func(string, []*message.Message) error { time.Sleep(time.Second); return nil }}
		j := newMemory()
		p, err := batching.New(next, journaled(j))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			publish(t, p, "t", "abcdefg")
		}
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		var letters strings.Builder
		for _, batch := range next.taken() {
			letters.WriteString(batch[strings.Index(batch, ":")+1:])
		}
		if letters.String() != strings.Repeat("abcdefg", 5) || j.acked != 35 || j.closed != 1 {
			t.Fatalf("%v; %d units acknowledged, closed %d times", next.taken(), j.acked, j.closed)
		}
		wantErr(t, p.Publish("t", msg("x")), batching.ErrClosed)
	})
}

// Remaining is told in units of the size that they have had so far.
func TestRemainingOfAJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newMemory()
		cfg := journaled(j)
		cfg.Count, cfg.Split, cfg.Pack = nil, nil, nil
		p, err := batching.New(&recorder{}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, p, "t", strings.Repeat("x", 100))
		synctest.Wait()
		if s := p.Stats(); s.Units != 1 || s.Remaining != 10_000 {
			t.Errorf("%+v, want room for 10,000 units of 100 bytes", s)
		}
		publish(t, p, "t", strings.Repeat("x", 300))
		synctest.Wait()
		if s := p.Stats(); s.Units != 2 || s.Remaining != 5000 {
			t.Errorf("%+v, want room for 5000 units of 200 bytes", s)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A batch that is too large is kept as its halves before these are sent: after
// a crash, they are what is sent again, whatever is too large by then.
func TestHalvesAreSealedBeforeTheyAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newMemory()
		var sent []string
		next := &recorder{fail: func(_ string, msgs []*message.Message) error {
			text := string(msgs[0].Payload)
			sent = append(sent, text+" after "+j.sealed[len(j.sealed)-1])
			if len(text) > len("1+2:ab") {
				return errLarge
			}
			return nil
		}}
		cfg := journaled(j)
		cfg.IsTooLarge = isLarge
		p, err := batching.New(next, cfg)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, p, "t", "abcd")
		synctest.Wait()
		want(t, sent, "1+4:abcd after 1+4", "1+2:ab after 1+2 3+2", "3+2:cd after 1+2 3+2")
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// withBacklog returns a journal that an earlier life left, of messages and the
// seals of batches that were not acknowledged.
func withBacklog(seals []batching.Seal, payloads ...string) *memory {
	j := newMemory()
	j.before = seals
	for _, payload := range payloads {
		_ = j.Append(context.Background(), batching.Record{Units: len(payload), Body: []byte(payload)}, false)
	}
	return j
}

// A batch that was sealed in an earlier life is the same in this one, though
// memory is for less by now: part of it under its number would be taken for
// all of it.
func TestASealedBatchIsNeverCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := withBacklog([]batching.Seal{{Sequence: "s", First: 1, Count: 10}, {Sequence: "s", First: 11, Count: 5}}, "abc", "def", "ghi", "jkl", "mno", "pqr")
		next := &recorder{fail: func(string, []*message.Message) error { time.Sleep(time.Second); return nil }}
		cfg := journaled(j)
		cfg.BufferLimit, cfg.JournaledTopics = 4, []string{"t"}
		p, err := batching.New(next, cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		want(t, next.taken(), "t/1+10:abcdefghij", "t/11+5:klmno", "t/16+3:pqr")
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Close does not read, let alone seal, a backlog that nobody takes.
func TestCloseLeavesABacklogThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := withBacklog(nil, strings.Split(strings.Repeat("abcd ", 1000), " ")[:1000]...)
		next := &recorder{fail: func(string, []*message.Message) error { time.Sleep(time.Second); return errDown }}
		cfg := journaled(j)
		cfg.JournaledTopics = []string{"t"}
		p, err := batching.New(next, cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		began := time.Now()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if took, left := time.Since(began), len(j.records); took > 2*time.Second || left < 990 || len(j.sealed) != 1 {
			t.Errorf("Close took %v and left %d of 1000 records in the journal; %d batches were sealed", took, left, len(j.sealed))
		}
	})
}

// The clock was set back: what came before that waits no longer than what comes
// now.
func TestTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := withBacklog(nil, "ab")
		j.records[0].TakenAt = time.Now().Add(24 * time.Hour)
		next := &recorder{}
		cfg := journaled(j)
		cfg.JournaledTopics = []string{"t"}
		p, err := batching.New(next, cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second) // MaxDelay
		synctest.Wait()
		want(t, next.taken(), "t/1+2:ab")
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// What an earlier life left goes at once, in full batches, and not when the delay
// is over; what comes meanwhile goes behind it.
func TestABacklogGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := withBacklog(nil, "abc", "def", "ghi", "jkl", "m")
		next := &recorder{}
		cfg := journaled(j)
		cfg.JournaledTopics = []string{"t"}
		p, err := batching.New(next, cfg)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		synctest.Wait()
		want(t, next.taken(), "t/1+4:abcd", "t/5+4:efgh", "t/9+4:ijkl")
		publish(t, p, "t", "nop")
		synctest.Wait()
		want(t, next.taken(), "t/1+4:abcd", "t/5+4:efgh", "t/9+4:ijkl", "t/13+4:mnop")
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it waited for %v", waited)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
