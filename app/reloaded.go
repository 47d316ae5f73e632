package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// reloadEvery is how soon a change of a file is noticed. The files are small,
// and reading them is surer than any news of them: it sees what is behind
// links, on network disks and in containers' volumes.
const reloadEvery = time.Second

// Reloaded is a value that is made of files, and made again when they change.
// What cannot be used leaves the value as it is, and is told. Safe for
// concurrent use.
type Reloaded[T any] struct {
	files  []string
	load   func(contents [][]byte) (T, error)
	told   func(error)
	value  atomic.Pointer[T]
	latest [][]byte // as load was given them last; Run's once it runs
}

// NewReloaded makes the value. load gets what is in the files, nil for one
// that is not there. told hears of each change, with why it could not be used
// or nil.
func NewReloaded[T any](load func(contents [][]byte) (T, error), told func(error), files ...string) (*Reloaded[T], error) {
	r := &Reloaded[T]{files: files, load: load, told: told}
	contents, err := r.read()
	if err != nil {
		return nil, err
	}
	value, err := load(contents)
	if err != nil {
		return nil, err
	}
	r.latest = contents
	r.value.Store(&value)
	return r, nil
}

// Get returns the value as it is now.
func (r *Reloaded[T]) Get() T { return *r.value.Load() }

// Run looks after the files until ctx ends.
func (r *Reloaded[T]) Run(ctx context.Context) error {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	unreadable := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		contents, err := r.read()
		if err != nil {
			if !unreadable {
				r.told(err)
			}
			unreadable = true
			continue
		}
		if !unreadable && sameContents(contents, r.latest) {
			continue
		}
		unreadable, r.latest = false, contents
		value, err := r.load(contents)
		if err == nil {
			r.value.Store(&value)
		}
		r.told(err)
	}
}

func (r *Reloaded[T]) read() ([][]byte, error) {
	contents := make([][]byte, len(r.files))
	for i, file := range r.files {
		data, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, Errorf(KindInvalid, "%s cannot be read: %w", file, err)
		default:
			contents[i] = append([]byte{}, data...) // not nil, even when empty
		}
	}
	return contents, nil
}

func sameContents(a, b [][]byte) bool {
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) || !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
