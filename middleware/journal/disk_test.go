package journal

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A folder whose name is not durable takes all that is in it along when the
// power fails, however often that was synced.
func TestANewFoldersNameIsSynced(t *testing.T) {
	top := t.TempDir()
	var synced []string
	sync := func(dir string) error { synced = append(synced, dir); return nil }
	dir := filepath.Join(top, "data", "journal", "logs")
	if err := makeDir(dir, sync); err != nil {
		t.Fatal(err)
	}
	if want := []string{top, filepath.Join(top, "data"), filepath.Join(top, "data", "journal")}; !slices.Equal(synced, want) {
		t.Errorf("synced %q, want %q", synced, want)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		t.Error(info, err)
	}
	synced = nil
	if err := makeDir(dir, sync); err != nil || len(synced) > 0 {
		t.Errorf("made again: %v, synced %q", err, synced)
	}
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := makeDir(filepath.Join(file, "dir"), sync); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("below a file: %v", err)
	}
}
