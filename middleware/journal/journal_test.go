package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/middleware/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watcher remembers what the journal reports.
type watcher struct {
	mu      sync.Mutex
	damages []string
	failed  int
	wrote   int
}

func (w *watcher) Wrote(int, int, float64) { w.mu.Lock(); defer w.mu.Unlock(); w.wrote++ }
func (w *watcher) Failed(error)            { w.mu.Lock(); defer w.mu.Unlock(); w.failed++ }
func (w *watcher) Damaged(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.damages = append(w.damages, what)
}

// small is a configuration with small files.
func small(dir string) journal.Config {
	return journal.Config{Dir: dir, SegmentSize: 64 << 10, MaxBytes: 8 << 20, CacheBytes: 8 << 10, Logger: slog.New(slog.DiscardHandler)}
}

func open(t *testing.T, cfg journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func record(units int, text string) journal.Record {
	return journal.Record{Units: units, Head: []byte("head of " + text[:min(8, len(text))]), Body: []byte(text)}
}

func appendAll(t *testing.T, j *journal.Journal, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := j.Append(record(1, text)); err != nil {
			t.Fatal(err)
		}
	}
}

// rest reads all that is left.
func rest(t *testing.T, j *journal.Journal) []journal.Record {
	t.Helper()
	j.Stop()
	var records []journal.Record
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		r, err := j.Next(ctx)
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
}

func texts(records []journal.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, string(r.Body))
	}
	return strings.Join(all, " ")
}

func TestWhatIsAppendedIsReadInOrderWithItsNumbers(t *testing.T) {
	j := open(t, small(t.TempDir()))
	for i, units := range []int{1, 5, 2} {
		if err := j.Append(record(units, fmt.Sprint("text", i))); err != nil {
			t.Fatal(err)
		}
	}
	want := uint64(1)
	for i, units := range []int{1, 5, 2} {
		r, err := j.Next(t.Context())
		if err != nil || r.First != want || r.Units != units || r.Sequence == "" || r.TakenAt.IsZero() ||
			string(r.Body) != fmt.Sprint("text", i) || string(r.Head) != fmt.Sprint("head of text", i) {
			t.Fatalf("record %d: %+v, %v", i, r, err)
		}
		want += uint64(units)
	}
	if s := j.Stats(); s.Accepted != 8 || s.Units != 8 || s.Acked != 0 || s.Bytes == 0 || s.Oldest.IsZero() {
		t.Errorf("%+v", s)
	}
	j.Ack(j.Stats().Sequence, 8)
	if s := j.Stats(); s.Units != 0 || s.Acked != 8 || s.Bytes != 0 || !s.Oldest.IsZero() {
		t.Errorf("%+v", s)
	}
}

func TestANewLifeGoesOnBehindWhatWasAcknowledged(t *testing.T) {
	cfg := small(t.TempDir())
	j := open(t, cfg)
	appendAll(t, j, "one", "two")
	if err := j.Append(record(10, "three")); err != nil {
		t.Fatal(err)
	}
	appendAll(t, j, "four")
	sequence := j.Stats().Sequence
	sealed := journal.Seal{Sequence: sequence, First: 6, Count: 4, At: time.Unix(5, 7)}
	if err := j.Seal(journal.Seal{Sequence: sequence, First: 1, Count: 5, At: time.Unix(5, 6)}); err != nil {
		t.Fatal(err)
	}
	if err := j.Seal(sealed); err != nil {
		t.Fatal(err)
	}
	j.Ack(sequence, 5)
	if s := j.Stats(); s.Sealed != 9 || s.Acked != 5 {
		t.Errorf("%+v", s)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	j = open(t, cfg)
	if got := j.Seals(); len(got) != 1 || got[0] != sealed {
		t.Errorf("seals %+v, want %+v", got, sealed)
	}
	appendAll(t, j, "five")
	records := rest(t, j)
	if texts(records) != "three four five" {
		t.Fatalf("read %q", texts(records))
	}
	if r := records[0]; r.First != 3 || r.Units != 10 || r.Skip != 3 || r.Sequence != sequence {
		t.Errorf("%+v", r)
	}
	if r := records[2]; r.First != 14 || r.Sequence != sequence {
		t.Errorf("%+v", r)
	}
}

func TestASealTakesThePlaceOfThoseItOverlaps(t *testing.T) {
	cfg := small(t.TempDir())
	j := open(t, cfg)
	if err := j.Append(record(20, "text")); err != nil {
		t.Fatal(err)
	}
	sequence := j.Stats().Sequence
	seal := func(runs ...uint64) { // first and last
		var seals []journal.Seal
		for i := 0; i < len(runs); i += 2 {
			seals = append(seals, journal.Seal{Sequence: sequence, First: runs[i], Count: int(runs[i+1] - runs[i] + 1), At: time.Unix(1, 0)})
		}
		if err := j.Seal(seals...); err != nil {
			t.Fatal(err)
		}
	}
	seal(1, 8, 9, 16)
	seal(1, 4, 5, 8)
	seal(5, 6, 7, 8)
	j.Ack(sequence, 2)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, cfg)
	var got []string
	for _, s := range j.Seals() {
		got = append(got, fmt.Sprintf("%d+%d", s.First, s.Count))
	}
	if strings.Join(got, " ") != "1+4 5+2 7+2 9+8" {
		t.Errorf("the seals are %q", got)
	}
}

func TestConcurrentAppendsShareAWrite(t *testing.T) {
	cfg := small(t.TempDir())
	w := &watcher{}
	cfg.Observer = w
	j := open(t, cfg)
	const clients, each = 16, 50
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range each {
				if err := j.Append(record(1, fmt.Sprintf("%02d-%02d", c, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	records := rest(t, j)
	last := map[string]string{}
	for i, r := range records {
		client, text := string(r.Body[:2]), string(r.Body)
		if r.First != uint64(i+1) || text <= last[client] {
			t.Fatalf("record %d: %q numbered %d after %q", i, text, r.First, last[client])
		}
		last[client] = text
	}
	if len(records) != clients*each {
		t.Errorf("read %d records, want %d", len(records), clients*each)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if w.wrote >= clients*each {
		t.Errorf("%d writes for %d appends", w.wrote, clients*each)
	}
}

func TestABacklogLargerThanTheCacheIsReadFromDiskWhileMoreComes(t *testing.T) {
	cfg := small(t.TempDir())
	j := open(t, cfg)
	long := strings.Repeat("x", 1000)
	write := func(from, to int) {
		for i := from; i < to; i++ {
			appendAll(t, j, fmt.Sprint(long, i))
		}
	}
	write(0, 500)
	for i := range 1000 {
		if i < 500 {
			write(500+i, 501+i)
		}
		r, err := j.Next(t.Context())
		if err != nil || string(r.Body) != fmt.Sprint(long, i) {
			t.Fatalf("record %d is %.20q…, %v", i, r.Body[1000:], err)
		}
		j.Ack(r.Sequence, r.First)
	}
	if s := j.Stats(); s.Bytes != 0 || s.Units != 0 {
		t.Errorf("%+v", s)
	}
}

func TestFilesOfWhatIsAcknowledgedGo(t *testing.T) {
	cfg := small(t.TempDir())
	j := open(t, cfg)
	long := strings.Repeat("x", 10_000)
	for range 100 {
		appendAll(t, j, long)
		r, err := j.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		j.Ack(r.Sequence, r.First)
	}
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "*", "*.wal"))
	if err != nil || len(files) == 0 || len(files) > 4 {
		t.Errorf("%d files are left of a megabyte that is acknowledged: %v %v", len(files), files, err)
	}
}

func TestAFullJournalRefusesUntilThereIsRoom(t *testing.T) {
	cfg := small(t.TempDir())
	cfg.MaxBytes = 10_000
	j := open(t, cfg)
	long := strings.Repeat("x", 3000)
	appendAll(t, j, long, long, long)
	if err := j.Append(record(1, long)); !errors.Is(err, journal.ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if err := j.Append(record(1, strings.Repeat("x", 10_000))); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	waited := make(chan error)
	go func() { waited <- j.AwaitRoom(t.Context(), record(1, long)) }()
	r, err := j.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-waited:
		t.Fatalf("room, with %v, before there was", err)
	default:
	}
	j.Ack(r.Sequence, r.First)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	appendAll(t, j, long)
	if got := rest(t, j); len(got) != 3 {
		t.Errorf("read %d more, want 3", len(got))
	}
}

func TestTheDisksShareIsALimitToo(t *testing.T) {
	cfg := small(t.TempDir())
	free := int64(1 << 20)
	var mu sync.Mutex
	cfg.Free = func(string) (int64, error) { mu.Lock(); defer mu.Unlock(); return free, nil }
	cfg.DiskShare = 0.5
	j := open(t, cfg)
	if s := j.Stats(); s.Limit != 1<<19 {
		t.Errorf("the limit is %d, want half of a megabyte", s.Limit)
	}
	mu.Lock()
	free = 0
	mu.Unlock()
	deadline := time.Now().Add(10 * time.Second)
	for j.Stats().Limit != 0 { // measured every second
		if time.Now().After(deadline) {
			t.Fatal("the limit was not measured again")
		}
	}
	if err := j.Append(record(1, "a")); !errors.Is(err, journal.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

func TestOneProcessAJournal(t *testing.T) {
	cfg := small(t.TempDir())
	j := open(t, cfg)
	if _, err := journal.Open(cfg); !errors.Is(err, journal.ErrLocked) || !strings.Contains(err.Error(), cfg.Dir) {
		t.Errorf("got %v, want ErrLocked and the folder", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, cfg)
}

func TestAfterCloseNothingIsTaken(t *testing.T) {
	j := open(t, small(t.TempDir()))
	appendAll(t, j, "one")
	for range 2 {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Append(record(1, "two")); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	if _, err := j.Next(t.Context()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Next: %v", err)
	}
	if err := j.AwaitRoom(t.Context(), record(1, "two")); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("AwaitRoom: %v", err)
	}
}

func TestAFolderThatCannotBeUsedIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(small(file)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
	if _, err := journal.Open(journal.Config{}); err == nil || !strings.Contains(err.Error(), "Dir") {
		t.Errorf("got %v", err)
	}
}
