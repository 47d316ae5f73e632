package journal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"millrace/middleware/journal"
)

// written makes a journal of some records, which it reads, closes it, and
// returns its only file and up to where that is written.
func written(t *testing.T, cfg journal.Config, records ...string) (file string, end int) {
	t.Helper()
	j := open(t, cfg)
	appendAll(t, j, records...)
	if got := texts(rest(t, j)); got != strings.Join(records, " ") {
		t.Fatalf("read %q", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "*", "*.wal"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return files[0], len(bytes.TrimRight(b, "\x00"))
}

// copied returns a copy of a journal's folder, in which a file was changed.
func copied(t *testing.T, dir, file string, change func([]byte) []byte) string {
	t.Helper()
	to := tempDir(t)
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(dir, file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b = change(b); b == nil {
		err = os.Remove(filepath.Join(to, name))
	} else {
		err = os.WriteFile(filepath.Join(to, name), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// reread opens a journal, appends one more record, and returns all that it
// reads and what was reported. No number of a sequence may come twice, nor may
// the new record have one of those that were given in the first life: it could
// pass for another that was sent then.
func reread(t *testing.T, dir, more string, given int) (got []string, damages []string) {
	t.Helper()
	w := &watcher{}
	cfg := small(dir)
	cfg.Observer = w
	j, err := journal.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, j, more)
	seen, first := map[string]bool{}, ""
	if folders, _ := filepath.Glob(filepath.Join(dir, "00000001-*")); len(folders) > 0 {
		first = strings.TrimPrefix(filepath.Base(folders[0]), "00000001-")
	}
	for _, r := range rest(t, j) {
		got = append(got, string(r.Body))
		number := fmt.Sprint(r.Sequence, r.First)
		if seen[number] {
			t.Errorf("number %s came twice", number)
		}
		seen[number] = true
		if string(r.Body) == more && r.Sequence == first && int(r.First) <= given {
			t.Errorf("%q has number %d, of which %d were given before", more, r.First, given)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return got, w.damages
}

// The process ended while the last record was being written: at every byte of
// it, what stood before is read, what comes after is taken, and nobody is told
// of damage.
func TestATornTailLosesNothingThatWasAcknowledged(t *testing.T) {
	cfg := small(tempDir(t))
	file, end := written(t, cfg, "one", "two", "three")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndex(b, []byte("mlr1"))
	const before = 8 + 4 // bytes of raft-wal's before an entry
	for at := last - before; at < end; at++ {
		dir := copied(t, cfg.Dir, file, func(b []byte) []byte { clear(b[at:]); return b })
		got, damages := reread(t, dir, "four", 2)
		// A record that is whole was perhaps answered for.
		if !slices.Equal(got, []string{"one", "two", "four"}) && !slices.Equal(got, []string{"one", "two", "three", "four"}) {
			t.Fatalf("torn at byte %d of %d: read %q", at-last, end-last, got)
		}
		if len(damages) > 0 {
			t.Fatalf("torn at byte %d of %d: reported %q", at-last, end-last, damages)
		}
	}
}

// Whatever single bit is flipped, what is read was written, in its order, and
// all but one record is. That one is reported.
func TestAFlippedBitCostsAtMostOneRecord(t *testing.T) {
	cfg := small(tempDir(t))
	all := []string{"one", "two", "three", "four"}
	file, end := written(t, cfg, all...)
	for at := 0; at < end; at++ {
		dir := copied(t, cfg.Dir, file, func(b []byte) []byte { b[at] ^= 1 << (at % 8); return b })
		got, damages := reread(t, dir, "five", 4)
		want := append(slices.Clone(all), "five")
		missing := 0
		for _, text := range want {
			if len(got) > 0 && got[0] == text {
				got = got[1:]
			} else {
				missing++
			}
		}
		if len(got) > 0 || missing > 1 || missing > 0 && len(damages) == 0 {
			t.Fatalf("byte %d of %d flipped: %d are missing, %q is out of place; reported %q", at, end, missing, got, damages)
		}
	}
}

func TestWhatIsMissingIsReportedAndTheRestIsRead(t *testing.T) {
	cfg := small(tempDir(t))
	file, _ := written(t, cfg, "one", "two")
	folder := filepath.Dir(file)
	for name, c := range map[string]struct {
		file string
		want string
	}{
		"the log's file":     {file, "three"},
		"the log's list":     {filepath.Join(folder, "wal-meta.db"), "one two three"},
		"the list of ours":   {filepath.Join(cfg.Dir, "journal.json"), "one two three"},
		"the reserve":        {filepath.Join(cfg.Dir, "reserve"), "one two three"},
		"a list of nonsense": {filepath.Join(cfg.Dir, "journal.json"), "one two three"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, cfg.Dir, c.file, func([]byte) []byte {
				if strings.Contains(name, "nonsense") {
					return []byte("{")
				}
				return nil
			})
			got, damages := reread(t, dir, "three", 2)
			if strings.Join(got, " ") != c.want {
				t.Errorf("read %q, want %s", got, c.want)
			}
			if reported := len(damages) > 0; reported == (name == "the reserve") {
				t.Errorf("reported %q", damages)
			}
		})
	}
}

// What is damaged is kept when all that could be read of it is done with.
func TestDamageIsSetAside(t *testing.T) {
	cfg := small(tempDir(t))
	file, _ := written(t, cfg, "one", "two")
	if err := os.Remove(filepath.Join(filepath.Dir(file), "wal-meta.db")); err != nil {
		t.Fatal(err)
	}
	j := open(t, cfg)
	appendAll(t, j, "three")
	for range 3 {
		r, err := j.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		j.Ack(r.Sequence, r.First)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "damaged", "*", "*.wal"))
	if err != nil || len(files) != 1 {
		t.Errorf("set aside: %v, %v", files, err)
	}
	if got, _ := reread(t, cfg.Dir, "four", 3); strings.Join(got, " ") != "four" {
		t.Errorf("read %q again", got)
	}
}

// A journal of a later version is left as it is.
func TestALaterVersionIsLeftAlone(t *testing.T) {
	cfg := small(tempDir(t))
	file, _ := written(t, cfg, "one")
	name := filepath.Join(cfg.Dir, "journal.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.Replace(text, []byte(`"version": 1`), []byte(`"version": 2`), 1)
	if err := os.WriteFile(name, later, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(cfg); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("opened with %v", err)
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, later) {
		t.Errorf("%q, %v", now, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
