package lines

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Config says what to read.
type Config struct {
	Files   []string // "-" is standard input; empty: standard input alone
	Stdin   io.Reader
	Follow  bool   // go on as files grow, until the context ends
	Service string // of logs that name none; empty: the name of the file
	Host    string // of logs that name none
	// Read is told how many bytes were read, as they are in the file; nil:
	// nobody.
	Read func(n int)
}

// stdin names standard input among the files.
const stdin = "-"

// Read hands each line to emit as a JSON object, which is valid until emit
// returns. Blank lines are passed over. Without Follow the files are read one
// after another, and those that end in .gz are decompressed; with Follow all
// are read at once, and emit is called by one at a time. It returns the first
// error, emit's or its own, or nil when everything was read or ctx ended.
func Read(ctx context.Context, cfg Config, emit func(line []byte) error) error {
	if len(cfg.Files) == 0 {
		cfg.Files = []string{stdin}
	}
	if cfg.Read == nil {
		cfg.Read = func(int) {}
	}
	if cfg.Follow {
		return followAll(ctx, cfg, emit)
	}
	for _, file := range cfg.Files {
		if err := readFile(ctx, cfg, file, emit); err != nil {
			return err
		}
	}
	return nil
}

// Size returns how many bytes Read will read, and false when that is not known.
func (c Config) Size() (total int64, known bool) {
	if c.Follow || len(c.Files) == 0 {
		return 0, false
	}
	for _, file := range c.Files {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			return 0, false
		}
		total += info.Size()
	}
	return total, true
}

func readFile(ctx context.Context, cfg Config, name string, emit func([]byte) error) error {
	in := cfg.Stdin
	if name != stdin {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	in = counted{in, cfg.Read}
	if strings.HasSuffix(name, ".gz") {
		unpacked, err := gzip.NewReader(bufio.NewReader(in))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		in = unpacked
	}
	lines, parser := newSplitter(in), newParser(cfg, name)
	for ctx.Err() == nil {
		line, _, cut, err := lines.next()
		if len(line) > 0 {
			if err := emit(parser.parse(line, cut)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func newParser(cfg Config, file string) *parser {
	service := cfg.Service
	if service == "" && file != stdin {
		service = filepath.Base(file)
		service, _, _ = strings.Cut(service, ".")
	}
	return &parser{service: service, host: cfg.Host}
}

// counted tells of the bytes that are read.
type counted struct {
	in   io.Reader
	read func(int)
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.read(n)
	return n, err
}

// followAll follows every file in a goroutine of its own.
func followAll(ctx context.Context, cfg Config, emit func([]byte) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var one sync.Mutex
	inTurn := func(line []byte) error {
		one.Lock()
		defer one.Unlock()
		return emit(line)
	}
	var files sync.WaitGroup
	for _, name := range cfg.Files {
		files.Go(func() {
			follow := readFile
			if name != stdin {
				follow = followFile
			}
			if err := follow(ctx, cfg, name, inTurn); err != nil {
				cancel(err)
			}
		})
	}
	files.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}
