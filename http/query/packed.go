package query

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

// smallestPacked is the size from which on a body is worth compressing, in bytes.
const smallestPacked = 4 << 10

// packed compresses a body that is sent again and again, once. Safe for
// concurrent use.
type packed struct {
	last atomic.Pointer[packedBody]
}

// packedBody is a body and what became of it.
type packedBody struct {
	body []byte
	once sync.Once
	gzip []byte // nil when it cannot be compressed; set by once
}

// of returns a body compressed by gzip, or nil when it is to be sent as it is:
// the first time, since there may be no second. The body must never change.
func (p *packed) of(body []byte) []byte {
	if len(body) < smallestPacked {
		return nil
	}
	last := p.last.Load()
	if last == nil || len(body) != len(last.body) || &body[0] != &last.body[0] {
		p.last.Store(&packedBody{body: body})
		return nil
	}
	last.once.Do(last.pack)
	return last.gzip
}

func (b *packedBody) pack() {
	var out bytes.Buffer
	w, err := newCompressor("gzip", &out)
	if err != nil {
		return
	}
	if _, err := w.Write(b.body); err == nil && w.Close() == nil {
		b.gzip = out.Bytes()
	}
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
