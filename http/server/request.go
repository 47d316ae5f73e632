package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// requestIDs makes ids that are told apart across processes by a random
// prefix, and within one by counting: a request costs no randomness.
type requestIDs struct {
	prefix string
	count  atomic.Uint64
}

func newRequestIDs() *requestIDs { return &requestIDs{prefix: rand.Text()[:12] + "-"} }

func (r *requestIDs) next() string {
	return r.prefix + strconv.FormatUint(r.count.Add(1), 36)
}

// maxRequestID is the longest id that is taken over from a client.
const maxRequestID = 128

// headerRequestID is echo.HeaderXRequestID in the form that net/http keeps, so
// that it need not be converted for each request.
const headerRequestID = "X-Request-Id"

// requestID gives each request an id: the client's, if it is usable.
func requestID(ids *requestIDs) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			id := c.Request().Header.Get(headerRequestID)
			if !usableID(id) {
				id = ids.next()
			}
			c.Response().Header().Set(headerRequestID, id)
			return next(c)
		}
	}
}

// usableID tells whether an id can go into logs and headers as it is.
func usableID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// requestLog logs each answered request, for debugging: what failed is logged
// by the error handler.
func requestLog(logger *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx := c.Request().Context()
			if !logger.Enabled(ctx, slog.LevelDebug) {
				return next(c)
			}
			start := time.Now()
			if err := next(c); err != nil {
				// Answered here, so that the status is known below.
				c.Error(err)
			}
			logRequest(ctx, logger, c, time.Since(start))
			return nil
		}
	}
}

func logRequest(ctx context.Context, logger *slog.Logger, c echo.Context, took time.Duration) {
	r, answer := c.Request(), c.Response()
	logger.LogAttrs(ctx, slog.LevelDebug, "request",
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", answer.Status),
		slog.Duration("took", took),
		slog.Int64("in", r.ContentLength),
		slog.Int64("out", answer.Size),
		slog.String("from", c.RealIP()),
		slog.String("request_id", answer.Header().Get(echo.HeaderXRequestID)),
	)
}

// recoverPanics turns a panic into an error, which the error handler logs.
func recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler: // net/http's own way to cut a connection
				panic(cause)
			default:
				err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			}
		}()
		return next(c)
	}
}
