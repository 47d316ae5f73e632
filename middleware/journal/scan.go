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
)

var magicBytes = binary.LittleEndian.AppendUint32(nil, entryMagic)

// scanner reads the entries of a generation from its files, without raft-wal:
// one after another, over whatever lies between them. It reads what is there,
// whether or not the log's own list knows of it.
type scanner struct {
	files  []string // not opened yet
	file   *os.File
	at     int64  // of what comes after the last entry
	window []byte // read from at, into buffer
	buffer []byte
	broken int // places that begin like an entry and are none
}

const scanWindow = 256 << 10

// scan returns a scanner of the files in a generation's folder. A folder that
// is not there has none.
func scan(dir string) (*scanner, error) {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	s := &scanner{}
	for _, name := range names {
		if strings.HasSuffix(name.Name(), ".wal") {
			s.files = append(s.files, filepath.Join(dir, name.Name()))
		}
	}
	sort.Strings(s.files) // they are named by the index of their first entry
	return s, nil
}

// next returns the next intact entry, and io.EOF behind the last.
func (s *scanner) next() (*entry, error) {
	for {
		if s.file == nil {
			if len(s.files) == 0 {
				return nil, io.EOF
			}
			file, err := os.Open(s.files[0])
			if err != nil {
				return nil, err
			}
			s.file, s.at, s.window, s.files = file, 0, s.window[:0], s.files[1:]
		}
		e, err := s.nextInFile()
		if err == nil {
			return e, nil
		}
		s.close()
		if !isEnd(err) {
			return nil, err
		}
	}
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
		if size, ok := entryLength(s.window); ok && s.fill(size) == nil {
			// The records keep their bytes beyond the next entry.
			if e, err := decodeEntry(bytes.Clone(s.window[:size])); err == nil {
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
	if err != nil && !isEnd(err) {
		return err
	}
	s.window = s.buffer[:got]
	if got < n {
		return io.EOF
	}
	return nil
}
