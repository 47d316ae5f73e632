package journal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"

	"millrace/middleware/journal"
)

// faulty is a file system that fails as it is told.
type faulty struct {
	types.VFS
	mu    sync.Mutex
	fault string // "", create, write, short, sync
}

func (f *faulty) set(fault string) { f.mu.Lock(); defer f.mu.Unlock(); f.fault = fault }

func (f *faulty) is(fault string) bool { f.mu.Lock(); defer f.mu.Unlock(); return f.fault == fault }

func (f *faulty) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if f.is("create") {
		return nil, syscall.ENOSPC
	}
	file, err := f.VFS.Create(dir, name, size)
	return &faultyFile{file, f}, err
}

func (f *faulty) OpenWriter(dir, name string) (types.WritableFile, error) {
	file, err := f.VFS.OpenWriter(dir, name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

type faultyFile struct {
	types.WritableFile
	fs *faulty
}

func (f *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	switch {
	case f.fs.is("write"):
		return 0, syscall.ENOSPC
	case f.fs.is("short"):
		n, _ := f.WritableFile.WriteAt(b[:len(b)/2], at)
		return n, syscall.EIO
	}
	return f.WritableFile.WriteAt(b, at)
}

func (f *faultyFile) Sync() error {
	if f.fs.is("sync") {
		return syscall.EIO // the bytes are in the file all the same
	}
	return f.WritableFile.Sync()
}

// Whatever fails, what was taken is read once, now or in the next life, and
// what was refused never is.
func TestFaultsRefuseWhatIsNewAndLoseNothing(t *testing.T) {
	for _, fault := range []string{"write", "short", "sync"} {
		t.Run(fault, func(t *testing.T) {
			disk := &faulty{VFS: fs.New()}
			cfg := small(t.TempDir())
			cfg.VFS = disk
			j := open(t, cfg)
			appendAll(t, j, "one", "two")
			disk.set(fault)
			for range 3 {
				if err := j.Append(record(1, "refused")); !errors.Is(err, journal.ErrWrite) {
					t.Fatalf("got %v, want ErrWrite", err)
				}
			}
			r, err := j.Next(t.Context())
			if err != nil || string(r.Body) != "one" {
				t.Fatalf("while it fails: %q, %v", r.Body, err)
			}
			disk.set("")
			appendAll(t, j, "three")
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if got, damages := reread(t, cfg.Dir, "four"); !slices.Equal(got, []string{"one", "two", "three", "four"}) || len(damages) > 0 {
				t.Errorf("read %q, reported %q", got, damages)
			}
		})
	}
}

// A random schedule of appends, reads, acknowledgements, faults and new lives,
// against a list of what must come.
func TestRandomSchedules(t *testing.T) {
	schedules := 40
	if testing.Short() {
		schedules = 20
	}
	first := rand.Uint64N(1 << 40)
	for i := range schedules {
		seed := first + uint64(i)
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { schedule(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func schedule(t *testing.T, r *rand.Rand) {
	disk := &faulty{VFS: fs.New()}
	cfg := small(t.TempDir())
	cfg.VFS, cfg.CacheBytes = disk, 1+r.IntN(4<<10)
	j := open(t, cfg)
	var due []string           // taken, not acknowledged
	read := []journal.Record{} // of due, in this life
	for step := range 60 {
		switch choice := r.IntN(20); {
		case choice < 9:
			text := fmt.Sprint("record ", step)
			rec := record(1+r.IntN(3), text)
			rec.Body = append(rec.Body, make([]byte, r.IntN(3000))...)
			if err := j.Append(rec); err == nil {
				due = append(due, text)
			}
		case choice < 14 && len(read) < len(due):
			rec, err := j.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want := due[len(read)]; string(rec.Body[:len(want)]) != want {
				t.Fatalf("step %d: read %.12q, want %q", step, rec.Body, want)
			}
			read = append(read, rec)
		case choice < 17 && len(read) > 0:
			n := 1 + r.IntN(len(read))
			j.Ack(read[n-1].Sequence, read[n-1].First+uint64(read[n-1].Units)-1)
			due, read = due[n:], read[n:]
		case choice == 17:
			disk.set([]string{"write", "short", "sync", "create"}[r.IntN(4)])
		case choice == 18:
			disk.set("")
		case choice == 19:
			disk.set("")
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, cfg)
			read = read[:0]
		}
	}
	disk.set("")
	j.Stop()
	for _, want := range due[len(read):] {
		rec, err := j.Next(t.Context())
		if err != nil || string(rec.Body[:min(len(rec.Body), len(want))]) != want {
			t.Fatalf("at the end: read %.12q, %v, want %q", rec.Body, err, want)
		}
	}
}
