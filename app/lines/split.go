package lines

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine is the longest line in bytes that is kept whole. It is below what a
// batch can hold.
const maxLine = 256 << 10

// splitter reads lines of any length in bounded memory: what exceeds maxLine
// comes as lines of their own, marked as cut.
type splitter struct{ in *bufio.Reader }

func newSplitter(in io.Reader) *splitter { return &splitter{bufio.NewReaderSize(in, maxLine)} }

// next returns a line without its end, how many bytes it took, and whether it
// is a piece of a longer one. With io.EOF the line is what came after the last
// line end, perhaps nothing. The line is valid until the next call.
func (s *splitter) next() (line []byte, size int, cut bool, err error) {
	line, err = s.in.ReadSlice('\n')
	size = len(line)
	if errors.Is(err, bufio.ErrBufferFull) {
		return line, size, true, nil
	}
	if err == nil {
		line = line[:len(line)-1]
	}
	return bytes.TrimSuffix(line, []byte{'\r'}), size, false, err
}
