package journal

import (
	"errors"
	"os"
	"path/filepath"
)

// Disk is what the journal asks of a disk beside the log's own files. What it
// did is there after the power failed, once it returned.
type Disk interface {
	// Replace writes a file: whatever happens, it is the old or the new one.
	Replace(name string, content []byte) error
	// MakeDir makes a folder, and those above it that are not there.
	MakeDir(dir string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(dir string) error
}

// SystemDisk returns the system's disk.
func SystemDisk() Disk { return system{} }

type system struct{}

func (system) Replace(name string, content []byte) error {
	temporary := name + ".new"
	file, err := os.Create(temporary)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	return system{}.SyncDir(filepath.Dir(name))
}

func (system) MakeDir(dir string) error { return makeDir(dir, system{}.SyncDir) }

// makeDir makes a folder, and syncs each folder that has a new name in it.
func makeDir(dir string, sync func(string) error) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := makeDir(above, sync); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return sync(above)
}

func (system) SyncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
