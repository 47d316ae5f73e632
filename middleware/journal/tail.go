package journal

import (
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"

	"github.com/hashicorp/raft-wal/types"
)

// raft-wal writes a header to each file, and then frames, each of which begins
// at a multiple of 8 with 8 bytes: its kind, three zeros, and its length, or
// the checksum of all since the last commit. A write ends with a commit.
const (
	fileHeader  = 32
	frameHeader = 8

	frameEntry  = 1
	frameIndex  = 2 // the last but one of a file that is full
	frameCommit = 3
)

// tail is the end of the file that was being written.
type tail struct {
	behind    int    // intact entries with records that the log does not know of
	committed uint64 // entries up to the last commit that follows from the beginning
	full      bool
	rest      int64 // bytes behind that commit, up to the last that is not zero
	whole     bool  // these end like a write that came to its end
}

// readTail reads the newest file of a log whose next unit would have the number
// next.
func readTail(disk types.VFS, name string, next uint64) (t tail, err error) {
	s := &scanner{disk: disk, files: []string{name}}
	defer s.close()
	for {
		e, err := s.next()
		if isEnd(err) {
			break
		}
		if err != nil {
			return t, err
		}
		if e.first >= next && len(e.records) > 0 {
			t.behind++
		}
	}
	file, err := disk.OpenReader(filepath.Split(name))
	if err != nil {
		return t, err
	}
	defer file.Close()
	end, err := t.readFrames(file)
	if err != nil {
		return t, err
	}
	return t, t.readRest(file, end)
}

// frame returns the kind and the length or checksum of the frame at a place,
// and the kind 0 when there is none.
func frame(file io.ReaderAt, at int64) (kind byte, value uint32, err error) {
	var b [frameHeader]byte
	n, err := file.ReadAt(b[:], at)
	if err != nil && !isEnd(err) {
		return 0, 0, err
	}
	if n < frameHeader || b[1] != 0 || b[2] != 0 || b[3] != 0 || b[0] > frameCommit {
		return 0, 0, nil
	}
	return b[0], binary.LittleEndian.Uint32(b[4:]), nil
}

// readFrames goes from frame to frame, and returns where the last commit ends.
func (t *tail) readFrames(file io.ReaderAt) (end int64, err error) {
	end = fileHeader
	entries, index := uint64(0), false
	for at := end; ; {
		kind, value, err := frame(file, at)
		if err != nil {
			return end, err
		}
		at += frameHeader
		switch kind {
		case frameCommit:
			end, t.committed, t.full = at, entries, index
			continue
		case frameEntry:
			entries++
		case frameIndex:
			index = true
		default:
			return end, nil
		}
		at += (int64(value) + frameHeader - 1) / frameHeader * frameHeader
	}
}

// readRest looks for what stands behind the last commit.
func (t *tail) readRest(file io.ReaderAt, end int64) error {
	last := end - 1
	window := make([]byte, scanWindow)
	for at := end; ; at += scanWindow {
		n, err := file.ReadAt(window, at)
		for i := n - 1; i >= 0; i-- {
			if window[i] != 0 {
				last = at + int64(i)
				break
			}
		}
		if isEnd(err) {
			break
		}
		if err != nil {
			return err
		}
	}
	if t.rest = last + 1 - end; t.rest == 0 {
		return nil
	}
	kind, value, err := frame(file, last/frameHeader*frameHeader)
	t.whole = kind == frameCommit && value != 0
	return err
}

// sound tells whether a log that knows of some entries in the file may go on
// behind them. Else something may have been given a number that it would give
// again.
func (t tail) sound(known uint64) bool {
	return t.behind == 0 && t.committed == known && !t.full && t.rest == 0
}

// damage returns what cannot be explained by a write that the end of the
// process, or of the machine, cut short; else nothing.
func (t tail) damage(known uint64) string {
	switch {
	case t.behind > 1: // one is what was being written
		return fmt.Sprintf("%d groups of records lie behind bytes that make no sense", t.behind)
	case t.behind == 0 && (t.whole || t.committed > known):
		return "the last group of records does not match its checksum, though it was written to its end"
	default:
		return ""
	}
}
