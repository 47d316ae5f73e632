package journal_test

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/raft-wal/fs"

	"millrace/middleware/journal"
)

// A disk that does not read for a while loses nothing, neither at the start nor
// in the midst of what is read.
func TestReadsThatFailForAWhileLoseNothing(t *testing.T) {
	disk := &faulty{VFS: fs.New()}
	cfg := small(tempDir(t))
	cfg.VFS, cfg.CacheBytes = disk, 1
	var want []string
	j := open(t, cfg)
	for i := range 20 {
		want = append(want, fmt.Sprint("record ", i, strings.Repeat(".", 1000)))
	}
	appendAll(t, j, want...)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	disk.set("read")
	if _, err := journal.Open(cfg); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "check the disk") {
		t.Fatalf("opened with %v", err)
	}
	disk.set("")
	j = open(t, cfg)
	for i, text := range want {
		if i == 5 {
			disk.set("read")
			for range 3 {
				if _, err := j.Next(t.Context()); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "check the disk") {
					t.Fatalf("while the disk does not read: %v", err)
				}
			}
			disk.set("")
		}
		if r, err := j.Next(t.Context()); err != nil || string(r.Body) != text {
			t.Fatalf("record %d: %.20q, %v", i, r.Body, err)
		}
	}
}

// What a disk never reads again does not stop what lies behind it: it is told
// by number, and its files are kept.
func TestABlockThatIsNeverReadIsPassedOver(t *testing.T) {
	disk, w := &faulty{VFS: fs.New()}, &watcher{}
	cfg := small(tempDir(t))
	cfg.VFS, cfg.CacheBytes, cfg.Observer = disk, 1, w
	j := open(t, cfg)
	const records = 20
	for i := range records {
		appendAll(t, j, fmt.Sprint(i, strings.Repeat(".", 1000)))
	}
	disk.set("block")
	j.Stop()
	var last journal.Record
	came, failed := 0, 0
	for {
		r, err := j.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if failed++; failed > 10 {
				t.Fatal(err)
			}
			continue
		}
		came, last = came+1, r
	}
	if came < records-5 || came == records || last.First != records {
		t.Errorf("%d of %d records came, the last is number %d", came, records, last.First)
	}
	if told := strings.Join(w.damages, "\n"); !strings.Contains(told, "passed over") || !strings.Contains(told, "cannot be read") {
		t.Errorf("told of %q", told)
	}
	disk.set("")
	j.Ack(last.Sequence, last.First)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, cfg)
	appendAll(t, j, "more")
	r, err := j.Next(t.Context())
	if err != nil || string(r.Body) != "more" {
		t.Fatalf("%.20q, %v", r.Body, err)
	}
	j.Ack(r.Sequence, r.First) // what stands before may go
	eventually(t, func() bool {
		kept, err := filepath.Glob(filepath.Join(cfg.Dir, "damaged", "*", "*.wal"))
		return err == nil && len(kept) > 0
	})
}
