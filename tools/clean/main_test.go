package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/app/embedded"
	"millrace/middleware/journal"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// What up and a shipper hold is left alone, and goes once they let go of it.
func TestAFolderInUseIsLeftAlone(t *testing.T) {
	data, bin := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "bin")
	deep := filepath.Join(data, "journal", "logs")
	for _, dir := range []string{bin, deep} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(who, dir string) {
		t.Helper()
		for _, check := range []bool{true, false} {
			err := clean([]string{bin, data}, check)
			if err == nil || !strings.Contains(err.Error(), "uses "+dir+": stop it first") || !exists(data) || !exists(bin) {
				t.Errorf("with %s: %v; data is there %t, bin %t", who, err, exists(data), exists(bin))
			}
		}
	}
	up, err := embedded.Lock(data)
	if err != nil {
		t.Fatal(err)
	}
	refused("up", data)
	if err := up.Close(); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Config{Dir: deep, MaxBytes: 1 << 20, DiskShare: 1})
	if err != nil {
		t.Fatal(err)
	}
	refused("a shipper", deep)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := clean([]string{bin, data}, true); err != nil || !exists(data) {
		t.Errorf("a look: %v, data is there %t", err, exists(data))
	}
	for range 2 { // the second time there is nothing
		if err := clean([]string{bin, data}, false); err != nil || exists(data) || exists(bin) {
			t.Errorf("%v; data is there %t, bin %t", err, exists(data), exists(bin))
		}
	}
}
