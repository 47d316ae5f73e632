package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/hashicorp/raft-wal/types"
)

var magicBytes = binary.LittleEndian.AppendUint32(nil, entryMagic)

// scanner reads the entries of a generation from its files, without raft-wal:
// one after another, over whatever lies between them. It reads what is there,
// whether or not the log's own list knows of it.
type scanner struct {
	disk   types.VFS
	files  []string // not opened yet
	file   types.ReadableFile
	at     int64  // of what comes after the last entry
	window []byte // read from at, into buffer
	buffer []byte
	broken int   // places that begin like an entry and are none
	failed int64 // place of the byte that could not be read, when next returned another error than io.EOF
}

const scanWindow = 256 << 10

// block is the least that a disk reads.
const block = 4 << 10

// scan returns a scanner of the files in a generation's folder. A folder that
// is not there has none.
func scan(disk types.VFS, dir string) (*scanner, error) {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	s := &scanner{disk: disk}
	for _, name := range names {
		if strings.HasSuffix(name.Name(), ".wal") {
			s.files = append(s.files, filepath.Join(dir, name.Name()))
		}
	}
	sort.Strings(s.files) // they are named by the index of their first entry
	return s, nil
}

// next returns the next intact entry, and io.EOF behind the last. With any other
// error it stays where it is: the disk may be able to read that yet.
func (s *scanner) next() (*entry, error) {
	for {
		if s.file == nil {
			if len(s.files) == 0 {
				return nil, io.EOF
			}
			file, err := s.disk.OpenReader(filepath.Split(s.files[0]))
			if err != nil {
				return nil, err
			}
			s.file, s.at, s.window, s.files = file, 0, s.window[:0], s.files[1:]
		}
		e, err := s.nextInFile()
		if !isEnd(err) {
			return e, err
		}
		s.close()
	}
}

// passOver goes on behind what next could not read.
func (s *scanner) passOver() {
	if s.file == nil { // nor open
		s.files = s.files[1:]
		return
	}
	s.at, s.window = (s.failed/block+1)*block, nil
	s.broken++
}

func (s *scanner) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

func (s *scanner) nextInFile() (*entry, error) {
	for {
		place := bytes.Index(s.window, magicBytes)
		if place < 0 {
			s.pass(max(0, len(s.window)-len(magicBytes)+1))
			if err := s.fill(len(magicBytes)); err != nil {
				return nil, err
			}
			continue
		}
		s.pass(place)
		if err := s.fill(fixedSize); err != nil {
			return nil, err
		}
		if size, ok := entryLength(s.window); ok {
			err := s.fill(size)
			if err != nil && !isEnd(err) {
				return nil, err
			}
			// The records keep their bytes beyond the next entry.
			if e, bad := decodeEntry(bytes.Clone(s.window[:min(size, len(s.window))])); err == nil && bad == nil {
				s.pass(size)
				return e, nil
			}
		}
		s.broken++
		s.pass(1)
	}
}

// pass moves on by some bytes of the window.
func (s *scanner) pass(n int) {
	s.at += int64(n)
	s.window = s.window[n:]
}

// fill makes the window at least n bytes long, and returns io.EOF when the file
// does not have as many.
func (s *scanner) fill(n int) error {
	if len(s.window) >= n {
		return nil
	}
	if len(s.buffer) < n {
		s.buffer = make([]byte, max(n, scanWindow))
	}
	got, err := s.file.ReadAt(s.buffer, s.at)
	s.window = s.buffer[:got]
	switch {
	case got >= n:
		return nil // what cannot be read lies behind it
	case err != nil && !isEnd(err):
		s.failed = s.at + int64(got)
		return err
	}
	return io.EOF
}
