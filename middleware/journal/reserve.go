package journal

import (
	"errors"
	"os"
	"path/filepath"
)

// The reserve is a file that is there to be removed. On a full disk the journal
// must still be able to tell what it seals, or nothing that it holds could go,
// and so never again make room.
const (
	reserveName = "reserve"
	reserveSize = 4 << 20
	// minSegment is the smallest size of a file; some tens fit into the reserve,
	// each of which tells some thousand seals.
	minSegment = 64 << 10
)

// spendReserve frees the reserve for a write that failed, and tells whether
// there was one. Nothing but seals is taken until there is one again.
func (j *Journal) spendReserve() bool {
	if err := os.Remove(filepath.Join(j.cfg.Dir, reserveName)); err != nil {
		return false
	}
	j.mu.Lock()
	j.spare, j.limit = true, 0
	j.mu.Unlock()
	j.cfg.Logger.Warn("the journal's disk is full; it takes nothing until there is room again", "folder", j.cfg.Dir)
	return true
}

// makeReserve makes the reserve, if it is not there and there is room for much
// more than it.
func (j *Journal) makeReserve() {
	name := filepath.Join(j.cfg.Dir, reserveName)
	if info, err := os.Stat(name); err == nil && info.Size() == reserveSize {
		return
	}
	if free, err := j.cfg.Free(j.cfg.Dir); err != nil || free < 4*reserveSize {
		return
	}
	// Written, since a hole would be no reserve.
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return
	}
	_, err = file.Write(make([]byte, reserveSize))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		_ = os.Remove(name)
		return
	}
	j.mu.Lock()
	j.spare = false
	j.mu.Unlock()
}
