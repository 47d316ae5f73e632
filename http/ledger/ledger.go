// Package ledger answers over HTTP what became of every log.
//
//	GET  /api/ledger?shipper=         each shipper: accepted, sealed, shipped, stored, quarantined, gaps, …
//	GET  /api/batches?shipper=&from=  batches, page by page: next is a value for cursor
//	GET  /api/batches/{id}            one batch's life
//	POST /api/ledger/verify?shipper=  compares the ledger with every row that is kept
//
//	ledger.go  Config, Mount, and the answers that are one document
//	verify.go  the answer that is a stream
//	params.go  the query parameters
//
// Unknown and wrong parameters are refused, each by its name.
package ledger

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/server"
)

// Ledger answers; *app.Ledger fills it. Safe for concurrent use.
type Ledger interface {
	Report(ctx context.Context, query app.LedgerQuery) (app.LedgerReport, error)
	Batch(ctx context.Context, id string) (app.BatchLife, error)
	Batches(ctx context.Context, query app.BatchQuery) (app.BatchPage, error)
	Verify(ctx context.Context, query app.LedgerQuery, report app.VerifyReport) (app.Verification, error)
}

// Config is what the endpoints need.
type Config struct {
	Ledger Ledger // required
	// Timeout is the longest time an answer may take, but for a verification,
	// which takes as long as it takes; 0 means 10 s.
	Timeout time.Duration
}

func (c *Config) setDefaults() {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	switch {
	case c.Ledger == nil:
		return errors.New("ledger: Ledger is missing")
	case c.Timeout < 0:
		return errors.New("ledger: Timeout must not be negative")
	}
	return nil
}

// Mount adds the endpoints to a server.
func Mount(e *echo.Echo, cfg Config) error {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	h := &handlers{cfg: cfg, verifying: make(chan struct{}, 1)}
	get := []string{http.MethodGet, http.MethodHead}
	within := server.Within(cfg.Timeout, "the ledger", "ask for one shipper, or let the gateway have more time (--postgres-statement-timeout)")
	e.Match(get, "/api/ledger", h.report, within)
	e.Match(get, "/api/batches", h.batches, within)
	e.Match(get, "/api/batches/:id", h.batch, within)
	e.POST("/api/ledger/verify", h.verify)
	return nil
}

type handlers struct {
	cfg       Config
	verifying chan struct{} // holds one while a verification runs
}

func (h *handlers) report(c echo.Context) error {
	p := newParams(c, "shipper", "settle")
	query := app.LedgerQuery{Shipper: p.text("shipper"), Settle: p.settle()}
	if err := p.err(); err != nil {
		return err
	}
	report, err := h.cfg.Ledger.Report(c.Request().Context(), query)
	if err != nil {
		return err
	}
	return answer(c, report)
}

func (h *handlers) batch(c echo.Context) error {
	p := newParams(c)
	if err := p.err(); err != nil {
		return err
	}
	id := c.Param("id")
	if c.Request().URL.RawPath != "" { // Echo then matched the path as it was written
		if plain, err := url.PathUnescape(id); err == nil {
			id = plain
		}
	}
	life, err := h.cfg.Ledger.Batch(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return answer(c, life)
}

// page is a page of batches.
type page struct {
	Batches []app.BatchLife `json:"batches"`
	Next    *string         `json:"next"` // null on the last page
}

func (h *handlers) batches(c echo.Context) error {
	p := newParams(c, "shipper", "from", "limit", "cursor")
	query := app.BatchQuery{Shipper: p.text("shipper"), From: p.moment("from"), Limit: p.limit(), At: p.cursor()}
	if err := p.err(); err != nil {
		return err
	}
	found, err := h.cfg.Ledger.Batches(c.Request().Context(), query)
	if err != nil {
		return err
	}
	out := page{Batches: found.Batches}
	if out.Batches == nil {
		out.Batches = []app.BatchLife{}
	}
	if found.Next != nil {
		next := found.Next.String()
		out.Next = &next
	}
	return answer(c, out)
}

// answer sends a document that must not be kept: the next batch changes it.
func answer(c echo.Context, document any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "private, no-cache")
	return c.JSON(http.StatusOK, document)
}
