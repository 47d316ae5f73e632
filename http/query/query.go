package query

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// Recent answers with the newest logs; *app.Recent fills it. Safe for
// concurrent use.
type Recent interface {
	Newest(ctx context.Context, limit int) ([]json.RawMessage, app.RecentSource, error)
}

// Reader answers with a page of logs; an app.LogReader fills it. Safe for
// concurrent use.
type Reader interface {
	Logs(ctx context.Context, query app.Query) (app.Page, error)
}

// Config is what the endpoints need.
type Config struct {
	Recent  Recent        // required
	Reader  Reader        // required
	Timeout time.Duration // longest time a query may take; 0 means 10 s
}

func (c *Config) setDefaults() {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	switch {
	case c.Recent == nil || c.Reader == nil:
		return errors.New("query: Recent or Reader is missing")
	case c.Timeout < 0:
		return errors.New("query: Timeout must not be negative")
	}
	return nil
}

// Mount adds the endpoints to a server.
func Mount(e *echo.Echo, cfg Config) error {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	h := &handlers{cfg: cfg}
	get := []string{http.MethodGet, http.MethodHead}
	e.Match(get, "/", h.index)
	e.Match(get, "/api/query/recent", h.recent, bounded(cfg.Timeout))
	e.Match(get, "/api/logs", h.logs, bounded(cfg.Timeout))
	return nil
}

type handlers struct{ cfg Config }

// bounded ends the context of a request after a time, and says so in place of
// whatever error comes of that. The handler itself is never abandoned: one
// that were would go on writing an answer that belongs to the next request.
func bounded(timeout time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx, cancel := context.WithTimeout(c.Request().Context(), timeout)
			defer cancel()
			c.SetRequest(c.Request().WithContext(ctx))
			err := next(c)
			if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return &app.Error{
					Kind: app.KindTimeout, Err: err,
					Message: "the query took longer than " + timeout.String() + ": ask for a shorter time, or for one service or level",
				}
			}
			return err
		}
	}
}

// answer sends a JSON body that must not be kept: the next log changes it.
func answer(c echo.Context, body []byte) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "private, no-cache")
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body)
}
