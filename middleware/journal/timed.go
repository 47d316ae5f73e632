package journal

import (
	"time"

	"github.com/hashicorp/raft-wal/types"
)

// timed is a file system that tells how long each fsync of its files took.
type timed struct {
	types.VFS
	synced func(seconds float64)
}

// Create implements types.VFS.
func (t timed) Create(dir, name string, size uint64) (types.WritableFile, error) {
	return t.file(t.VFS.Create(dir, name, size))
}

// OpenWriter implements types.VFS.
func (t timed) OpenWriter(dir, name string) (types.WritableFile, error) {
	return t.file(t.VFS.OpenWriter(dir, name))
}

func (t timed) file(file types.WritableFile, err error) (types.WritableFile, error) {
	if err != nil {
		return nil, err
	}
	return timedFile{file, t.synced}, nil
}

type timedFile struct {
	types.WritableFile
	synced func(seconds float64)
}

// Sync implements types.WritableFile.
func (f timedFile) Sync() error {
	began := time.Now()
	err := f.WritableFile.Sync()
	f.synced(time.Since(began).Seconds())
	return err
}
