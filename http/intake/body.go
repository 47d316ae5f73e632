package intake

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"

	"millrace/app"
)

// scratch is a buffer for one body, used for one request after the other.
// What goes on as a message is never part of it: a message outlives its
// request, as a publisher may keep it after the ack.
type scratch struct {
	buf    []byte
	source source
}

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 0, 64<<10)} }}

const (
	// keepScratch is the largest buffer that waits for another request.
	keepScratch = 4 << 20
	// trustLength is how much memory a client gets for its word, in
	// Content-Length, that it will send that much. Beyond it, memory follows
	// what came.
	trustLength = 1 << 20
)

// release lets go of a body.
func (in *Intake) release(s *scratch) {
	in.inHand.Add(-int64(len(s.buf)))
	s.buf, s.source = s.buf[:0], source{}
	if cap(s.buf) <= keepScratch {
		scratches.Put(s)
	}
}

// source is a request's body as it is sent. It ends with an error beyond its
// limit, and keeps the error that ended it, which a decompressor may hide.
type source struct {
	body io.Reader
	left int64
	err  error
}

var errTooMuch = errors.New("the body is over its limit")

func (s *source) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	s.left -= int64(n)
	if s.left < 0 {
		n, err = 0, errTooMuch
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// readBody reads a request's body into s, which is empty, without its
// compression. Neither the body as it is sent nor what comes out of it may be
// larger than MaxBody, and nothing is read beyond that.
func (in *Intake) readBody(r *http.Request, s *scratch) error {
	limit := in.cfg.MaxBody
	compression, err := in.decompressors.compressionOf(r.Header.Get("Content-Encoding"))
	if err != nil {
		return err
	}
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	src := &s.source
	*src = source{body: r.Body, left: limit}
	reader, release := io.Reader(src), func() {}
	if compression != "" {
		reader, release, err = in.decompressors.open(compression, src)
	} else if r.ContentLength > 0 {
		// One byte more, or a last read that finds the end would need room.
		s.reserve(int(min(r.ContentLength, trustLength)) + 1)
	}
	if err == nil {
		err = in.fill(s, reader, limit)
		release()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooMuch):
		return tooLarge(limit)
	case errors.Is(err, errCrowded):
		return err
	case src.err != nil:
		return receiveError(src.err, limit)
	case compression != "":
		return decompressionError(compression, err)
	default:
		return receiveError(err, limit)
	}
}

// fill reads all that reader has into s, up to limit bytes, and counts it as
// in hand.
func (in *Intake) fill(s *scratch, reader io.Reader, limit int64) error {
	for {
		if len(s.buf) == cap(s.buf) {
			s.reserve(int(min(2*int64(cap(s.buf)), limit+1)))
		}
		n, err := reader.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		inHand := in.inHand.Add(int64(n))
		switch {
		case int64(len(s.buf)) > limit:
			return errTooMuch
		case inHand > in.cfg.MaxMemory:
			return errCrowded
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// reserve makes sure that the buffer has room for size bytes in all.
func (s *scratch) reserve(size int) {
	if cap(s.buf) >= size {
		return
	}
	grown := make([]byte, len(s.buf), size)
	copy(grown, s.buf)
	s.buf = grown
}

func tooLarge(limit int64) error {
	return app.Errorf(app.KindTooLarge, "the body is larger than %d bytes (setting shipper-max-body): send fewer logs at once", limit)
}

// receiveError says why a body did not come.
func receiveError(err error, limit int64) error {
	var overServerLimit *http.MaxBytesError
	switch {
	case errors.Is(err, errTooMuch):
		return tooLarge(limit)
	case errors.As(err, &overServerLimit):
		return tooLarge(overServerLimit.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return app.Errorf(app.KindTimeout, "the body did not come in time: %w", err)
	default:
		return app.Errorf(app.KindInvalid, "the body could not be read to its end: %w", err)
	}
}
