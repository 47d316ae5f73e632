package lines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// pollEvery is how often a file that has nothing new is looked at.
const pollEvery = 200 * time.Millisecond

// followFile reads a file and whatever is appended to it, as tail -F does: a
// file that is not there yet is waited for, one that was cut short is read from
// its beginning, and one that was replaced is read to its end before the new
// one is begun. A last line without an end is waited for, unless the file is
// replaced or ctx ends.
func followFile(ctx context.Context, cfg Config, name string, emit func([]byte) error) error {
	f := &followed{name: name, parser: newParser(cfg, name), emit: emit, read: cfg.Read}
	defer f.close()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := f.poll(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err := f.poll(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return f.end()
		}
	}
}

// followed is one file that is followed.
type followed struct {
	name   string
	parser *parser
	emit   func([]byte) error
	read   func(int)

	file *os.File // nil while there is none
	at   int64    // how far it was read
	rest []byte   // of a line whose end was not there yet
}

// poll reads what is new.
func (f *followed) poll() error {
	if f.file == nil {
		if err := f.open(); err != nil || f.file == nil {
			return err
		}
	}
	if err := f.drain(); err != nil {
		return err
	}
	now, err := os.Stat(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // moved away; the new one is not there yet
	}
	if err != nil {
		return err
	}
	ours, err := f.file.Stat()
	if err != nil {
		return err
	}
	switch {
	case !os.SameFile(now, ours):
		if err := f.drain(); err != nil { // what came in between
			return err
		}
		if err := f.end(); err != nil {
			return err
		}
		f.close()
		return f.poll()
	case ours.Size() < f.at:
		f.at, f.rest = 0, f.rest[:0]
		if _, err := f.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return f.drain()
	}
	return nil
}

func (f *followed) open() error {
	file, err := os.Open(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f.file, f.at = file, 0
	return nil
}

// drain reads to the present end of the file.
func (f *followed) drain() error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := f.file.Read(buffer)
		f.at += int64(n)
		f.read(n)
		if err := f.lines(buffer[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lines hands on the lines that are whole.
func (f *followed) lines(data []byte) error {
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			f.rest = append(f.rest, data...)
			if len(f.rest) >= maxLine {
				return f.line(true)
			}
			return nil
		}
		f.rest = append(f.rest, data[:end]...)
		data = data[end+1:]
		if err := f.line(false); err != nil {
			return err
		}
	}
	return nil
}

func (f *followed) line(cut bool) error {
	line := bytes.TrimSuffix(f.rest, []byte{'\r'})
	defer func() { f.rest = f.rest[:0] }()
	if len(line) == 0 {
		return nil
	}
	return f.emit(f.parser.parse(line, cut || len(line) > maxLine))
}

// end hands on a last line without an end.
func (f *followed) end() error { return f.line(false) }

func (f *followed) close() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}
