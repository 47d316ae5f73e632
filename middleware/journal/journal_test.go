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
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft-wal/fs"
	"go.uber.org/goleak"

	"millrace/middleware/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tempDir returns a folder in memory where there is such a thing: what is shown
// here does not depend on how long a real disk takes.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "journal-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// watcher remembers what the journal reports.
type watcher struct {
	mu      sync.Mutex
	damages []string
	failed  int
	wrote   int
	synced  int
}

func (w *watcher) Wrote(int, int, float64) { w.mu.Lock(); defer w.mu.Unlock(); w.wrote++ }
func (w *watcher) Synced(float64)          { w.mu.Lock(); defer w.mu.Unlock(); w.synced++ }
func (w *watcher) Failed(error)            { w.mu.Lock(); defer w.mu.Unlock(); w.failed++ }
func (w *watcher) Damaged(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.damages = append(w.damages, what)
}

// small is a configuration with small files. A copy passes for the original.
func small(dir string) journal.Config {
	return journal.Config{Dir: dir, SegmentSize: 64 << 10, MaxBytes: 8 << 20, CacheBytes: 8 << 10, Logger: slog.New(slog.DiscardHandler),
		Place: func(string) string { return "here" }}
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
	j := open(t, small(tempDir(t)))
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
	cfg := small(tempDir(t))
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
	cfg := small(tempDir(t))
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

// What comes while a write is on its way to the disk shares the next one.
func TestConcurrentAppendsShareAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := small(tempDir(t))
		w, disk := &watcher{}, &faulty{VFS: fs.New(), gate: make(chan struct{})}
		cfg.Observer, cfg.VFS = w, disk
		j := open(t, cfg)
		const clients = 16
		var all sync.WaitGroup
		for c := range clients {
			all.Go(func() {
				for i := range 2 {
					if err := j.Append(record(1, fmt.Sprintf("%02d-%02d", c, i))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		synctest.Wait() // one is being written, all others wait
		close(disk.gate)
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
		if len(records) != 2*clients {
			t.Errorf("read %d records, want %d", len(records), 2*clients)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if w.synced < w.wrote {
			t.Errorf("%d writes with %d fsyncs", w.wrote, w.synced)
		}
		if most := clients + 2; w.wrote > most {
			t.Errorf("%d writes for %d appends, %d of which came together; want at most %d", w.wrote, 2*clients, clients-1, most)
		}
	})
}

func TestABacklogLargerThanTheCacheIsReadFromDiskWhileMoreComes(t *testing.T) {
	cfg := small(tempDir(t))
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
	cfg := small(tempDir(t))
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
	cfg := small(tempDir(t))
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
	cfg := small(tempDir(t))
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
	cfg := small(tempDir(t))
	j := open(t, cfg)
	if _, err := journal.Open(cfg); !errors.Is(err, journal.ErrLocked) || !strings.Contains(err.Error(), cfg.Dir) {
		t.Errorf("got %v, want ErrLocked and the folder", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, cfg)
}

// Two that have the same journal, because the folder was copied, never give the
// same number to different records. What they have in common keeps its numbers.
func TestACopyGoesOnInASequenceOfItsOwn(t *testing.T) {
	cfg := small(tempDir(t))
	cfg.Place = nil // the system's
	j := open(t, cfg)
	appendAll(t, j, "both")
	sequence := j.Stats().Sequence
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.Dir = filepath.Join(tempDir(t), "copy")
	if err := os.CopyFS(other.Dir, os.DirFS(cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg  journal.Config
		same bool
	}{{other, false}, {cfg, true}} {
		j := open(t, c.cfg)
		appendAll(t, j, "one's own")
		records := rest(t, j)
		if texts(records) != "both one's own" || records[0].Sequence != sequence || records[0].First != 1 {
			t.Fatalf("read %+v", records)
		}
		if same := records[1].Sequence == sequence; same != c.same {
			t.Errorf("goes on in the same sequence: %v, want %v", same, c.same)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// What it has in hand is known, though nobody wrote down where it ends.
	again := other
	again.Place = func(string) string { return "elsewhere" }
	j = open(t, again)
	if s := j.Stats(); s.Units != 2 {
		t.Errorf("%d units are told of, want 2", s.Units)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// The copy is at home now.
	j = open(t, again)
	if own := j.Stats(); own.Sequence == sequence || own.Accepted != 0 {
		t.Errorf("%+v", own)
	}
	appendAll(t, j, "more")
	if s := j.Stats(); s.Units != 3 || s.Accepted != 1 {
		t.Errorf("%+v", s)
	}
}

// More is true as long as Next has something at once, and no longer, also where
// one generation ends and the next is empty: whoever sends what is read waits
// for more while there is some.
func TestMoreTellsWhetherThereIs(t *testing.T) {
	cfg := small(tempDir(t))
	for life := range 3 {
		cfg.Place = func(string) string { return fmt.Sprint("place ", life) }
		j := open(t, cfg)
		for _, own := range []bool{false, true} { // what earlier lives left, what comes in this one
			n := 2 * life
			if own {
				appendAll(t, j, "a", "b")
				n = 2
			}
			for i := range n {
				if !j.More() {
					t.Errorf("life %d: nothing more behind %d records", life, i)
				}
				if _, err := j.Next(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if j.More() {
				t.Errorf("life %d: more behind the last record", life)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// On a disk that has room for little, the files of what is acknowledged go too.
func TestFilesGoOnASmallDisk(t *testing.T) {
	cfg := small(tempDir(t))
	cfg.SegmentSize, cfg.MaxBytes = 0, 1<<20 // the default is larger than all there may be
	j := open(t, cfg)
	long := strings.Repeat("x", 100_000)
	for range 100 {
		appendAll(t, j, long)
		r, err := j.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		j.Ack(r.Sequence, r.First)
	}
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "*", "*.wal"))
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	if size > 2*cfg.MaxBytes {
		t.Errorf("%d files of %d bytes are left of 10 MB that are acknowledged, of which a megabyte may be there", len(files), size)
	}
}

func TestAfterCloseNothingIsTaken(t *testing.T) {
	j := open(t, small(tempDir(t)))
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
	file := filepath.Join(tempDir(t), "file")
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
