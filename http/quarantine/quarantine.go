package quarantine

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
	"millrace/http/server"
)

// Quarantine answers; *app.Quarantine fills it. Safe for concurrent use.
type Quarantine interface {
	Items(ctx context.Context, query app.QuarantineQuery) (app.QuarantinePage, error)
	Item(ctx context.Context, id int64) (app.QuarantineDetail, app.QuarantineLogs, error)
	Replay(ctx context.Context, selection app.QuarantineSelection) (app.QuarantineResults, error)
	Discard(ctx context.Context, selection app.QuarantineSelection) (app.QuarantineResults, error)
}

// Config is what the endpoints need.
type Config struct {
	Document   *openapi.Document // required, as is the next
	Quarantine Quarantine
	Timeout    time.Duration // longest time an answer may take; 0 means 10 s
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	switch {
	case c.Document == nil || c.Quarantine == nil:
		return errors.New("quarantine: a part of Config is missing")
	case c.Timeout < 0:
		return errors.New("quarantine: Timeout must not be negative")
	}
	return nil
}

// Mount adds the endpoints to a server.
func Mount(e *echo.Echo, cfg Config) error {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	chains := cfg.Document.Middlewares(formats)
	within := server.Within(cfg.Timeout, "the quarantine", "ask for fewer items")
	for operation := range chains {
		chains[operation] = append([]echo.MiddlewareFunc{server.Private, within}, chains[operation]...)
	}
	RegisterHandlersWithOptions(openapi.GetAndHead(e), &handlers{cfg.Quarantine}, RegisterHandlersOptions{OperationMiddlewares: chains})
	return nil
}

// handlers implements the generated ServerInterface.
type handlers struct{ quarantine Quarantine }

var _ ServerInterface = (*handlers)(nil)

// formats are the formats of parameters in openapi.yaml that these endpoints
// have.
var formats = map[string]openapi.Format{
	"quarantine-cursor": func(value string) error { _, err := app.ParseQuarantineCursor(value); return err },
}

// ListQuarantine answers with a page. The parameters were checked against the
// document.
func (h *handlers) ListQuarantine(c echo.Context, _ ListQuarantineParams) error {
	given := openapi.Values(c.Request().Context())
	query := app.QuarantineQuery{
		QuarantineFilter: app.QuarantineFilter{
			State: given.Get("state"), Stage: given.Get("stage"), Reason: given.Get("reason"), Shipper: given.Get("shipper"),
		},
		Limit: app.DefaultLimit,
	}
	now := time.Now()
	query.From, _, _ = openapi.Moment(given.Get("from"), now)
	query.To, _, _ = openapi.Moment(given.Get("to"), now)
	if limit := given.Get("limit"); limit != "" {
		query.Limit, _ = strconv.Atoi(limit)
	}
	if cursor := given.Get("cursor"); cursor != "" {
		query.After, _ = app.ParseQuarantineCursor(cursor)
	}
	page, err := h.quarantine.Items(c.Request().Context(), query)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Items []app.QuarantineItem `json:"items"`
		Next  *string              `json:"next"`
	}{page.Items, app.FormatQuarantineCursor(page.Next)})
}
