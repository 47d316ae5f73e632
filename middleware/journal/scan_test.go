package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft-wal/fs"
)

// FuzzScan: whatever bytes lie around them, entries that are whole are found,
// in their order, and nothing that was not written is. The end of such a file
// can be read as well, and it is never taken for one behind which a log may go
// on, unless there is nothing but zeros.
func FuzzScan(f *testing.F) {
	entryOf := func(first uint64, body string) []byte {
		return (&entry{first: first, records: []Record{{Units: 1, Body: []byte(body), TakenAt: time.Unix(0, 1)}}}).append(nil)
	}
	f.Add([]byte{}, []byte{}, []byte{}, "one", "two")
	f.Add(make([]byte, 40), []byte("mlr1"), make([]byte, 100), "mlr1", "")
	f.Add([]byte("mlr1\x00\x00\x00\x00\xff\xff\x00\x00"), entryOf(9, "between")[:30], []byte{3, 0, 0, 0, 1}, "a", "b")
	// One file for all: making one is more work than an input is.
	file, err := os.Create(filepath.Join(f.TempDir(), "1.wal"))
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	f.Fuzz(func(t *testing.T, before, between, behind []byte, one, two string) {
		if len(before)+len(between)+len(behind)+len(one)+len(two) > 1<<16 {
			return
		}
		for _, b := range [][]byte{before, between, behind} {
			if rewrite(t, file, b); len(entriesOf(t, file.Name())) > 0 {
				return // then more is found, and rightly
			}
		}
		rewrite(t, file, before, entryOf(1, one), between, entryOf(2, two), behind)
		found := entriesOf(t, file.Name())
		if len(found) != 2 || string(found[0].records[0].Body) != one || string(found[1].records[0].Body) != two {
			t.Fatalf("found %d entries", len(found))
		}
		end, err := readTail(fs.New(), file.Name(), 3)
		if err != nil {
			t.Fatal(err)
		}
		if known := end.committed; end.behind != 0 || end.sound(known) && end.rest != 0 {
			t.Errorf("%+v", end)
		}
		if end, err = readTail(fs.New(), file.Name(), 2); err != nil || end.behind != 1 || end.sound(end.committed) {
			t.Errorf("%+v, %v", end, err)
		}
	})
}

func entriesOf(t *testing.T, name string) (found []*entry) {
	t.Helper()
	s := &scanner{disk: fs.New(), files: []string{name}}
	defer s.close()
	for {
		e, err := s.next()
		if isEnd(err) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, e)
	}
}

// rewrite makes pieces all that a file holds. It is never empty in between:
// some file systems write a file that was to the disk as soon as it is closed.
func rewrite(t *testing.T, file *os.File, pieces ...[]byte) {
	t.Helper()
	whole := bytes.Join(pieces, nil)
	if _, err := file.WriteAt(whole, 0); err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(int64(len(whole))); err != nil {
		t.Fatal(err)
	}
}
