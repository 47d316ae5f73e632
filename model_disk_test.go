package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
)

var errDead = errors.New("the machine is off")

// unreliable is the disk under a journal. It fails as it is told, and ends at an
// operation, in the midst of it or behind it, as a process or a machine does.
// What is there then is copied, for the next life: of the process all that was
// written, of the machine what was synced and any part of the rest.
type unreliable struct {
	types.VFS
	dir, image string

	mu      sync.Mutex
	random  *rand.Rand
	fault   string // "", create, write, short, sync
	left    int    // operations until it ends
	power   bool   // the machine ends, not only the process
	pending map[string][]write
	unnamed map[string]bool // files made, and not synced
	dead    bool
	ended   chan struct{} // closed when dead
	failed  error         // of the copying
}

// write is one that was not synced.
type write struct {
	at  int64
	old []byte
}

func newUnreliable(dir, image string, random *rand.Rand) *unreliable {
	return &unreliable{
		VFS: fs.New(), dir: dir, image: image, random: random, left: 1 << 40, power: random.IntN(2) == 0,
		pending: map[string][]write{}, unnamed: map[string]bool{}, ended: make(chan struct{}),
	}
}

func (d *unreliable) set(fault string) { d.mu.Lock(); defer d.mu.Unlock(); d.fault = fault }

// end ends it now.
func (d *unreliable) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead {
		d.die()
	}
}

func (d *unreliable) isDead() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.dead }

// die copies what the next life finds, with the lock held.
func (d *unreliable) die() {
	d.dead = true
	close(d.ended)
	d.failed = os.CopyFS(d.image, os.DirFS(d.dir))
	if !d.power {
		return
	}
	for name, writes := range d.pending {
		d.failed = errors.Join(d.failed, d.forget(filepath.Join(d.image, name), writes))
	}
	for name := range d.unnamed {
		if d.random.IntN(2) == 0 {
			_ = os.Remove(filepath.Join(d.image, name)) // it may be gone
		}
	}
}

// forget undoes some of what was not synced.
func (d *unreliable) forget(name string, writes []write) error {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was deleted since
	}
	if err != nil {
		return err
	}
	defer file.Close()
	for i := len(writes) - 1; i >= 0; i-- {
		kept := 0 // bytes, as sectors come to the disk
		switch d.random.IntN(3) {
		case 0:
			kept = len(writes[i].old)
		case 1:
			kept = d.random.IntN(len(writes[i].old) + 1)
		}
		if _, err := file.WriteAt(writes[i].old[kept:], writes[i].at+int64(kept)); err != nil {
			return err
		}
	}
	return nil
}

// step is one operation. do does it, or when it is to be the last a part of it.
func (d *unreliable) step(fault string, do func(last bool) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.dead:
		return errDead
	case d.left == 0:
		if d.random.IntN(2) == 0 {
			_ = do(true) // nobody learns how it went
		}
		d.die()
		return errDead
	case d.fault != "" && d.fault == fault:
		d.left--
		return syscall.ENOSPC
	}
	d.left--
	return do(false)
}

func (d *unreliable) Create(dir, name string, size uint64) (file types.WritableFile, err error) {
	err = d.step("create", func(bool) error {
		if file, err = d.VFS.Create(dir, name, size); err == nil {
			d.unnamed[d.local(dir, name)] = true
		}
		return err
	})
	return d.file(file, dir, name), err
}

func (d *unreliable) OpenWriter(dir, name string) (types.WritableFile, error) {
	file, err := d.VFS.OpenWriter(dir, name)
	if err != nil {
		return nil, err
	}
	return d.file(file, dir, name), nil
}

func (d *unreliable) Delete(dir, name string) error {
	return d.step("delete", func(bool) error { return d.VFS.Delete(dir, name) })
}

func (d *unreliable) local(dir, name string) string {
	local, err := filepath.Rel(d.dir, filepath.Join(dir, name))
	if err != nil {
		panic(err)
	}
	return local
}

func (d *unreliable) file(file types.WritableFile, dir, name string) types.WritableFile {
	if file == nil {
		return nil
	}
	return &unreliableFile{file, d, d.local(dir, name)}
}

type unreliableFile struct {
	types.WritableFile
	disk *unreliable
	name string
}

func (f *unreliableFile) WriteAt(b []byte, at int64) (n int, err error) {
	short := false
	err = f.disk.step("write", func(last bool) error {
		size := len(b)
		if short = f.disk.fault == "short"; short || last {
			size = f.disk.random.IntN(len(b))
		}
		old := make([]byte, size)
		if _, err := f.WritableFile.ReadAt(old, at); err != nil && size > 0 {
			clear(old) // behind the end of the file
		}
		f.disk.pending[f.name] = append(f.disk.pending[f.name], write{at, old})
		if n, err = f.WritableFile.WriteAt(b[:size], at); err == nil && size < len(b) {
			err = syscall.EIO
		}
		return err
	})
	return n, err
}

func (f *unreliableFile) Sync() error {
	return f.disk.step("sync", func(bool) error {
		delete(f.disk.pending, f.name)
		delete(f.disk.unnamed, f.name)
		return nil // it is in memory
	})
}

// Replace implements journal.Disk.
func (d *unreliable) Replace(name string, content []byte) error {
	return d.step("", func(bool) error {
		if err := os.WriteFile(name+".new", content, 0o644); err != nil {
			return err
		}
		return os.Rename(name+".new", name)
	})
}

// MakeDir implements journal.Disk.
func (d *unreliable) MakeDir(dir string) error {
	return d.step("", func(bool) error { return os.MkdirAll(dir, 0o755) })
}

// SyncDir implements journal.Disk.
func (d *unreliable) SyncDir(string) error { return d.step("", func(bool) error { return nil }) }
