package quarantine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
)

// maxSelection bounds the body of an order, in bytes.
const maxSelection = 1 << 20

// ReplayQuarantine sends items through the pipeline again.
func (h *handlers) ReplayQuarantine(c echo.Context) error { return decide(c, h.quarantine.Replay) }

// DiscardQuarantine gives items up.
func (h *handlers) DiscardQuarantine(c echo.Context) error { return decide(c, h.quarantine.Discard) }

func decide(c echo.Context, do func(context.Context, app.QuarantineSelection) (app.QuarantineResults, error)) error {
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, maxSelection+1))
	if err != nil {
		return err
	}
	chosen, err := readSelection(body)
	if err != nil {
		return err
	}
	results, err := do(c.Request().Context(), chosen)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, results)
}

// selection is the body of an order. An order for all there is must say so: an
// empty body is none.
type selection struct {
	IDs    *[]int64 `json:"ids"`
	Filter *filter  `json:"filter"`
	Limit  *int     `json:"limit"`
}

type filter struct {
	Stage   *string    `json:"stage"`
	Reason  *string    `json:"reason"`
	Shipper *string    `json:"shipper"`
	From    *time.Time `json:"from"`
	To      *time.Time `json:"to"`
}

func readSelection(body []byte) (app.QuarantineSelection, error) {
	var given selection
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields() // a misspelt filter must not choose what nobody meant
	err := decoder.Decode(&given)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		return app.QuarantineSelection{}, app.Errorf(app.KindInvalid,
			`the body cannot be read as JSON such as {"ids":[17]} or {"filter":{"reason":"too-large"},"limit":100}: %w`, err)
	}
	var wrong openapi.Wrong
	if wrong.Nulls(body); wrong.Any() {
		return app.QuarantineSelection{}, wrong.Err()
	}
	return given.check()
}

func (s selection) check() (app.QuarantineSelection, error) {
	var wrong openapi.Wrong
	chosen := app.QuarantineSelection{Limit: app.DefaultLimit}
	switch {
	case (s.IDs == nil) == (s.Filter == nil):
		wrong.Add("ids", "give either ids or filter")
	case s.IDs != nil:
		chosen.IDs = *s.IDs
		if n := len(chosen.IDs); n < 1 || n > app.MaxLimit {
			wrong.Add("ids", "ids are %d: want 1 to %d", n, app.MaxLimit)
		}
		if s.Limit != nil {
			wrong.Add("limit", "limit goes with filter, not with ids")
		}
	default:
		chosen.Filter = s.Filter.check(&wrong)
	}
	if s.Limit != nil {
		if chosen.Limit = *s.Limit; chosen.Limit < 1 || chosen.Limit > app.MaxLimit {
			wrong.Add("limit", "limit is %d: want a number from 1 to %d", chosen.Limit, app.MaxLimit)
		}
	}
	return chosen, wrong.Err()
}

func (f *filter) check(wrong *openapi.Wrong) app.QuarantineFilter {
	// What is empty, as of a variable that is not set, must not choose everything.
	given := func(name string, value *string) string {
		if value == nil {
			return ""
		}
		if *value == "" {
			wrong.Add("filter."+name, "filter.%s is empty: leave it out, or give it a value", name)
		}
		return *value
	}
	chosen := app.QuarantineFilter{Stage: given("stage", f.Stage), Reason: given("reason", f.Reason), Shipper: given("shipper", f.Shipper)}
	oneOf := func(name, value string, known []string) {
		if value != "" && !slices.Contains(known, value) {
			wrong.Add("filter."+name, "filter.%s is %.60q: want one of %s", name, value, strings.Join(known, ", "))
		}
	}
	oneOf("stage", chosen.Stage, app.Stages)
	oneOf("reason", chosen.Reason, app.Reasons)
	for name, at := range map[string]*time.Time{"from": f.From, "to": f.To} {
		if at != nil && !openapi.InRange(*at) {
			wrong.Add("filter."+name, "filter.%s is %s: want a time as 2026-01-31T12:00:00Z", name, at.Format(time.RFC3339))
		}
	}
	if f.From != nil {
		chosen.From = *f.From
	}
	if f.To != nil {
		chosen.To = *f.To
	}
	return chosen
}
