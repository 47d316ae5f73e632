package query

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
	"millrace/http/server"
)

//go:generate go tool -modfile=../../tools/openapi/go.mod oapi-codegen -config oapi.yaml ../openapi/openapi.yaml

// Recent answers with the newest logs, and does not take for ever; *app.Recent
// fills it. Safe for concurrent use.
type Recent interface {
	Newest(ctx context.Context, limit int) (app.RecentAnswer, error)
}

// Reader answers with a page of logs; an app.LogReader fills it. Safe for
// concurrent use.
type Reader interface {
	Logs(ctx context.Context, query app.Query) (app.Page, error)
}

// Config is what the endpoints need.
type Config struct {
	Document *openapi.Document // required
	Recent   Recent            // required, as are the next four
	Reader   Reader
	Finder   app.LogFinder
	Counter  app.LogCounter
	Walker   app.LogWalker

	// Answers keeps answers to searches and counts; nil: each is worked out.
	Answers Answers
	// ClosedAfter is how long ago a range must have ended for its answers to be
	// kept for long; 0 means an hour.
	ClosedAfter time.Duration

	EncodeOTLP EncodeOTLP   // required
	Logger     *slog.Logger // of exports that break off; nil: none

	Timeout     time.Duration // longest time a search may take; 0 means 10 s
	MaxRange    time.Duration // longest range of a search; 0: any
	MaxSearches int           // searches at once; more are answered 429; 0 means 16
	MaxExports  int           // exports at once; 0 means 2
}

func (c *Config) setDefaults() {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.ClosedAfter == 0 {
		c.ClosedAfter = time.Hour
	}
	if c.MaxSearches == 0 {
		c.MaxSearches = 16
	}
	if c.MaxExports == 0 {
		c.MaxExports = 2
	}
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	switch {
	case c.Document == nil || c.Recent == nil || c.Reader == nil || c.Finder == nil || c.Counter == nil || c.Walker == nil || c.EncodeOTLP == nil:
		return errors.New("query: a part of Config is missing")
	case c.Timeout < 0 || c.MaxRange < 0 || c.MaxSearches < 0 || c.MaxExports < 0:
		return errors.New("query: limits must not be negative")
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
	searches := atOnce(cfg.MaxSearches, "searches")
	within := server.Within(cfg.Timeout, "the query", "ask for a shorter time, or for one service or level")
	chains := cfg.Document.Middlewares(Formats())
	for operation := range chains {
		if operation == "recentLogs" { // which is answered from memory, mostly
			chains[operation] = append([]echo.MiddlewareFunc{server.Private}, chains[operation]...)
			continue
		}
		chains[operation] = append([]echo.MiddlewareFunc{server.Private, within}, chains[operation]...)
		if cfg.Answers != nil && slices.Contains(keptOperations, operation) {
			chains[operation] = append(chains[operation], cached(cfg.Answers, operation, cfg.ClosedAfter))
		}
		chains[operation] = append(chains[operation], searches)
	}
	router := openapi.GetAndHead(e)
	RegisterHandlersWithOptions(router, NewStrictHandler(h, []StrictMiddlewareFunc{asAsked}), RegisterHandlersOptions{OperationMiddlewares: chains})
	router.GET("/api/logs/export", h.export, server.Private, cfg.Document.Check("exportLogs", Formats()), atOnce(cfg.MaxExports, "exports"))
	router.GET("/api", h.index)
	return nil
}

// keptOperations are those whose answers are kept for a while.
var keptOperations = []string{"searchLogs", "logHistogram", "logFacets", "logStats"}

// handlers implements the generated StrictServerInterface.
type handlers struct{ cfg Config }

// atOnce refuses requests beyond a number that are answered at once.
func atOnce(limit int, what string) echo.MiddlewareFunc {
	running := make(chan struct{}, limit)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			select {
			case running <- struct{}{}:
				defer func() { <-running }()
				return next(c)
			default:
				return &app.Error{Kind: app.KindTooMany, RetryAfter: time.Second, Message: "too many " + what + " at once: come back in a moment"}
			}
		}
	}
}

var _ StrictServerInterface = (*handlers)(nil)
