package query

import (
	"bytes"
	"context"
	"sync"

	"github.com/labstack/echo/v4"
)

// smallestPacked is the size from which on a body is worth compressing, in bytes.
const smallestPacked = 4 << 10

// packed compresses a body that is sent again and again, once. Safe for
// concurrent use.
type packed struct {
	mu   sync.Mutex
	body []byte // that was asked of last; guarded by mu, as is gzip
	gzip []byte // nil: not yet
}

// of returns a body compressed by gzip, or nil when it is to be sent as it is:
// the first time, since there may be no second, and while it is being
// compressed. The body must never change.
func (p *packed) of(body []byte) []byte {
	if len(body) < smallestPacked || !p.mu.TryLock() {
		return nil
	}
	defer p.mu.Unlock()
	if len(body) != len(p.body) || &body[0] != &p.body[0] {
		p.body, p.gzip = body, nil
		return nil
	}
	if p.gzip == nil {
		var out bytes.Buffer
		w, err := newCompressor("gzip", &out)
		if err != nil {
			return nil
		}
		if _, err := w.Write(body); err != nil || w.Close() != nil {
			return nil
		}
		p.gzip = out.Bytes()
	}
	return p.gzip
}

// gzipKey is where a context tells that its request takes gzip.
type gzipKey struct{}

// takesGzip tells the handler, which does not see the request, whether it may
// compress.
func takesGzip(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
		r := c.Request()
		if chooseEncoding(r.Header.Get(echo.HeaderAcceptEncoding), "gzip") != "" {
			c.SetRequest(r.WithContext(context.WithValue(r.Context(), gzipKey{}, true)))
		}
		return next(c)
	}
}
