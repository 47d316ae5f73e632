package batching_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// recorder is a next publisher that remembers and can be told to fail.
type recorder struct {
	fail     func(topic string, msgs []*message.Message) error // called first, without the lock
	closeErr error

	mu     sync.Mutex
	got    []string // one for each message: topic/payload
	at     []time.Time
	closed int
}

func (r *recorder) Publish(topic string, msgs ...*message.Message) error {
	if r.fail != nil {
		if err := r.fail(topic, msgs); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range msgs {
		r.got = append(r.got, topic+"/"+string(m.Payload))
		r.at = append(r.at, time.Now())
	}
	return nil
}

func (r *recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed++
	return r.closeErr
}

func (r *recorder) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// letters: a unit is a byte.
func letters(cfg batching.Config) batching.Config {
	cfg.Count = func(m *message.Message) (int, error) { return len(m.Payload), nil }
	cfg.Split = cutLetters
	cfg.Pack = func(b batching.Batch) (*message.Message, error) {
		var s strings.Builder
		fmt.Fprintf(&s, "%d+%d:", b.First, b.Count)
		for _, m := range b.Messages {
			s.Write(m.Payload)
		}
		return message.NewMessage("b", []byte(s.String())), nil
	}
	return cfg
}

func cutLetters(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
	n := min(units, bytes, len(m.Payload))
	part := func(p []byte) *message.Message {
		if len(p) == 0 {
			return nil
		}
		return message.NewMessage(m.UUID, p)
	}
	return part(m.Payload[:n]), part(m.Payload[n:]), n, nil
}

func msg(payload string) *message.Message { return message.NewMessage("id", []byte(payload)) }

// watcher is an Observer that writes down what it is told, each line with the
// time since the watcher was made.
type watcher struct {
	start time.Time

	mu    sync.Mutex
	lines []string
}

func newWatcher() *watcher { return &watcher{start: time.Now()} }

func (w *watcher) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf("%v %s", time.Since(w.start), fmt.Sprintf(format, args...)))
}

// saw returns the lines with one of the words as their second.
func (w *watcher) saw(words ...string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, line := range w.lines {
		if slices.Contains(words, strings.Fields(line)[1]) {
			out = append(out, line)
		}
	}
	return out
}

func (w *watcher) Taken(topic string, units int)    { w.note("taken %s %d", topic, units) }
func (w *watcher) Dropped(topic string, units int)  { w.note("dropped %s %d", topic, units) }
func (w *watcher) Rejected(topic string, units int) { w.note("rejected %s %d", topic, units) }
func (w *watcher) Flushed(b batching.Batch, took time.Duration) {
	w.note("flushed %s %d+%d %s in %v", b.Topic, b.First, b.Count, b.Trigger, took)
}
func (w *watcher) FlushFailed(b batching.Batch, attempt int, err error) {
	w.note("failed %s %d+%d try %d: %v", b.Topic, b.First, b.Count, attempt, err)
}
func (w *watcher) Poisoned(topic string, reason error, lost bool) {
	w.note("poisoned %s lost=%v: %v", topic, lost, reason)
}

// open returns a Publisher that is closed without an error at the end of the
// test, and holds nothing then.
func open(t testing.TB, next message.Publisher, cfg batching.Config) *batching.Publisher {
	t.Helper()
	p, err := batching.New(next, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		wantEmpty(t, p)
	})
	return p
}

func wantEmpty(t testing.TB, p *batching.Publisher) {
	t.Helper()
	if s := p.Stats(); s.Units != 0 || s.Bytes != 0 || s.Remaining <= 0 {
		t.Errorf("Stats is %+v, want nothing held", s)
	}
}

func publish(t testing.TB, p *batching.Publisher, topic string, payloads ...string) {
	t.Helper()
	msgs := make([]*message.Message, len(payloads))
	for i, payload := range payloads {
		msgs[i] = msg(payload)
	}
	if err := p.Publish(topic, msgs...); err != nil {
		t.Fatalf("Publish(%q, %q): %v", topic, payloads, err)
	}
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func wantErr(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want %v", err, target)
	}
}

var (
	errDown  = errors.New("down")
	errLarge = errors.New("too large")
	errBad   = errors.New("bad")
)

func isLarge(err error) bool { return errors.Is(err, errLarge) }
func isBad(err error) bool   { return errors.Is(err, errBad) }
