package intake

import (
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"millrace/app"
)

// decompressor reads one compression after the other.
type decompressor interface {
	io.Reader
	Reset(source io.Reader) error
}

// decompressors keeps the decoders of each compression that is understood:
// their tables cost more than most bodies.
type decompressors map[string]*sync.Pool

// minWindow is the zstd window that RFC 8878 asks every decoder to support.
const minWindow = 8 << 20

// newDecompressors prepares for bodies of up to maxBody bytes. A zstd frame
// can ask for any window, whatever little it holds: one larger than a body may
// be is refused before there is memory for it.
func newDecompressors(maxBody int64) decompressors {
	window := uint64(max(maxBody, minWindow))
	return decompressors{
		"gzip":    {New: func() any { return new(gzip.Reader) }},
		"deflate": {New: func() any { return new(inflater) }},
		"zstd": {New: func() any {
			// One at a time: the decoder then starts no goroutines.
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
			if err != nil { // only for options that are out of range
				panic(err)
			}
			return d
		}},
	}
}

// compressionOf returns the name of the compression in a Content-Encoding, or
// nothing for none.
func (d decompressors) compressionOf(contentEncoding string) (string, error) {
	name := strings.ToLower(strings.TrimSpace(contentEncoding))
	switch name {
	case "", "identity":
		return "", nil
	case "x-gzip":
		return "gzip", nil
	}
	if _, ok := d[name]; !ok {
		return "", unsupported("Content-Encoding " + contentEncoding + " is not understood: use gzip, zstd, deflate or none")
	}
	return name, nil
}

// open returns a reader of what source holds, and a function that gives the
// reader back.
func (d decompressors) open(compression string, source io.Reader) (io.Reader, func(), error) {
	pool := d[compression]
	reader := pool.Get().(decompressor)
	if err := reader.Reset(source); err != nil {
		return nil, nil, err
	}
	return reader, func() { pool.Put(reader) }, nil
}

// inflater makes a decompressor of zlib's reader, which is what HTTP calls
// deflate.
type inflater struct{ io.ReadCloser }

func (i *inflater) Reset(source io.Reader) (err error) {
	if i.ReadCloser == nil {
		i.ReadCloser, err = zlib.NewReader(source)
		return err
	}
	return i.ReadCloser.(zlib.Resetter).Reset(source, nil)
}

// decompressionError says what a decompressor's error means to the client.
func decompressionError(compression string, err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return app.Errorf(app.KindTooLarge, "the zstd window is larger than a body may be: compress with a smaller one (zstd --long makes them larger): %w", err)
	}
	return app.Errorf(app.KindInvalid, "the body is not the %s that Content-Encoding says: %w", compression, err)
}
