// Package ledger answers over HTTP what became of every log.
//
//	GET  /api/ledger?shipper=         each shipper: accepted, sealed, shipped, stored, quarantined, gaps, …
//	GET  /api/batches?shipper=&from=  batches, page by page: next is a value for cursor
//	GET  /api/batches/{id}            one batch's life
//	POST /api/ledger/verify?shipper=  compares the ledger with every row that is kept
//
// All of it is described in http/openapi/openapi.yaml, from which generated.go is
// made (oapi.yaml says how). What streams, the verification, is plain Echo.
//
//	ledger.go   Config, Mount
//	answers.go  the answers that are one document
//	verify.go   the answer that is a stream
//	formats.go  what single parameters may be
//
// Unknown and wrong parameters are refused, each by its name.
package ledger

//go:generate go tool -modfile=../../tools/openapi/go.mod oapi-codegen -config oapi.yaml ../openapi/openapi.yaml

import (
	"context"
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
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
	Document *openapi.Document // required, as is the next
	Ledger   Ledger
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
	case c.Document == nil || c.Ledger == nil:
		return errors.New("ledger: a part of Config is missing")
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
	within := server.Within(cfg.Timeout, "the ledger", "ask for one shipper, or let the gateway have more time (--postgres-statement-timeout)")
	chains := cfg.Document.Middlewares(formats)
	for operation := range chains {
		chains[operation] = append([]echo.MiddlewareFunc{server.Private, within}, chains[operation]...)
	}
	RegisterHandlersWithOptions(openapi.GetAndHead(e), NewStrictHandler(h, nil), RegisterHandlersOptions{OperationMiddlewares: chains})
	e.POST("/api/ledger/verify", h.verify, cfg.Document.Check("verifyLedger", formats))
	return nil
}
