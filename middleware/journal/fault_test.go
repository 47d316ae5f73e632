package journal_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"

	"millrace/middleware/journal"
)

// faulty is a file system that fails as it is told.
type faulty struct {
	types.VFS
	gate  chan struct{} // nil, or closed when files may be synced
	mu    sync.Mutex
	fault string // "", create, write, short, sync, read, block
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

// badBlock is the place of what cannot be read with the fault "block".
const badBlock = 8 << 10

func (f *faulty) OpenReader(dir, name string) (types.ReadableFile, error) {
	file, err := f.VFS.OpenReader(dir, name)
	if err != nil {
		return nil, err
	}
	return &faultyReader{file, f}, nil
}

type faultyReader struct {
	types.ReadableFile
	fs *faulty
}

func (f *faultyReader) ReadAt(b []byte, at int64) (int, error) {
	return f.fs.read(f.ReadableFile, b, at)
}

// read reads as a disk does: what stands before what it cannot read comes.
func (f *faulty) read(file io.ReaderAt, b []byte, at int64) (int, error) {
	switch {
	case f.is("read"):
		return 0, syscall.EIO
	case f.is("block") && at < badBlock+1 && at+int64(len(b)) > badBlock:
		n, _ := file.ReadAt(b[:max(0, badBlock-at)], at)
		return n, syscall.EIO
	}
	return file.ReadAt(b, at)
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

func (f *faultyFile) ReadAt(b []byte, at int64) (int, error) { return f.fs.read(f.WritableFile, b, at) }

func (f *faultyFile) Sync() error {
	if f.fs.gate != nil {
		<-f.fs.gate
	}
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
			cfg := small(tempDir(t))
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
			if got, damages := reread(t, cfg.Dir, "four", 3); !slices.Equal(got, []string{"one", "two", "three", "four"}) || len(damages) > 0 {
				t.Errorf("read %q, reported %q", got, damages)
			}
		})
	}
}

// fullDisk takes nothing more while the reserve is there.
type fullDisk struct {
	*faulty
	journal.Disk
	reserve string
}

func (d *fullDisk) Replace(name string, content []byte) error {
	if d.is("create") && d.reserved() {
		return syscall.ENOSPC
	}
	if err := os.WriteFile(name+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

func (d *fullDisk) MakeDir(dir string) error {
	if _, err := os.Stat(dir); err != nil && d.is("create") && d.reserved() {
		return syscall.ENOSPC
	}
	return os.MkdirAll(dir, 0o755)
}

func (d *fullDisk) SyncDir(string) error { return nil }

func (d *fullDisk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if d.is("create") && (d.reserved() || size > 1<<20) {
		return nil, syscall.ENOSPC
	}
	return d.VFS.Create(dir, name, size)
}

func (d *fullDisk) reserved() bool { _, err := os.Stat(d.reserve); return err == nil }

// A disk that others filled to the last byte: what came before can be sealed,
// and so go, and so make room. Nothing new is taken.
func TestTheReserveIsForSeals(t *testing.T) {
	cfg := small(tempDir(t))
	disk := &fullDisk{faulty: &faulty{VFS: fs.New()}, reserve: filepath.Join(cfg.Dir, "reserve")}
	cfg.VFS, cfg.Disk = disk, disk
	cfg.Free = func(string) (int64, error) {
		if disk.is("create") {
			return 0, nil
		}
		return 1 << 30, nil
	}
	j := open(t, cfg)
	long := strings.Repeat("x", 30_000)
	appendAll(t, j, long)
	disk.set("create")
	taken := 1
	for ; taken < 100; taken++ { // until the file is full that was made before
		if err := j.Append(record(1, long)); err != nil {
			break
		}
	}
	if taken == 100 {
		t.Fatal("the disk is never full")
	}
	sequence := j.Stats().Sequence
	for i := range taken {
		r, err := j.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			sequence = r.Sequence
		}
		if err := j.Seal(journal.Seal{Sequence: r.Sequence, First: r.First, Count: 1, At: time.Unix(1, 0)}); err != nil {
			t.Fatalf("seal %d: %v", i, err)
		}
	}
	if err := j.Append(record(1, long)); !errors.Is(err, journal.ErrFull) && !errors.Is(err, journal.ErrWrite) {
		t.Errorf("got %v, want ErrFull or ErrWrite", err)
	}
	j.Ack(sequence, uint64(taken))
	disk.set("")
	eventually(t, func() bool { return j.Append(record(1, "room")) == nil }) // it is measured every second
}

func eventually(t *testing.T, what func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !what(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never comes")
		}
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
	cfg := small(tempDir(t))
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
