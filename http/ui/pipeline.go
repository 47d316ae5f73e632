package ui

import (
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// pipelinePage is how each role does, and what became of the logs.
type pipelinePage struct {
	Cards   []card
	Ledger  app.LedgerReport
	Batches []batchRow
	Next    string // the address of older batches
	Shipper string // whose batches alone are listed
	NoCount string // why the ledger cannot be told
}

// batchRow is one batch in a list.
type batchRow struct {
	app.BatchLife
	Address string
	Shipped string // from sealing to Kafka
	Kept    string // from Kafka to PostgreSQL
	At      string
}

const batchesShown = "25"

// pipeline answers GET /pipeline.
func (h *handlers) pipeline(c echo.Context) error {
	var p pipelinePage
	query := url.Values{paramLimit: {batchesShown}}
	if p.Shipper = c.QueryParam("shipper"); p.Shipper != "" {
		query.Set("shipper", p.Shipper)
	}
	if cursor := c.QueryParam(paramCursor); cursor != "" {
		query.Set(paramCursor, cursor)
	}
	var found struct {
		Batches []app.BatchLife
		Next    string
	}
	// Whoever may not read the ledger is not told how the roles do.
	failed := troubleOf(h.api.get(c, "/api/batches", query, &found))
	if failed != nil {
		return h.render(c, "pipeline.html", page{Title: "Pipeline", Here: "pipeline", Trouble: failed, Body: p})
	}
	for _, batch := range found.Batches {
		p.Batches = append(p.Batches, batchRowOf(batch))
	}
	if found.Next != "" {
		query.Set(paramCursor, found.Next)
		query.Del(paramLimit)
		p.Next = "/pipeline?" + query.Encode() + "#batches"
	}
	if err := h.api.get(c, "/api/ledger", nil, &p.Ledger); err != nil {
		p.NoCount = sentence(err.Error())
	}
	p.Cards = h.rates.cards(h.roles.Metrics(c.Request().Context()))
	return h.render(c, "pipeline.html", page{Title: "Pipeline", Here: "pipeline", Body: p})
}

// figures answers GET /ui/figures: what of the page changes, by its id.
func (h *handlers) figures(c echo.Context) error {
	var report app.LedgerReport
	if t := troubleOf(h.api.get(c, "/api/ledger", nil, &report)); t != nil {
		return c.JSON(t.Status, map[string]any{"said": t.Said()})
	}
	type shown struct {
		Value string `json:"value"`
		Note  string `json:"note"`
		Grade string `json:"grade"`
		Share int    `json:"share"`
	}
	out := map[string]shown{}
	for _, one := range h.rates.cards(h.roles.Metrics(c.Request().Context())) {
		for _, f := range one.Figures {
			out[f.ID] = shown{f.Value, f.Note, f.Grade, f.Share}
		}
	}
	for _, s := range report.Shippers {
		for name, value := range map[string]uint64{"accepted": s.Accepted, "sealed": s.Sealed, "shipped": s.Shipped, "stored": s.Stored, "pending": s.Pending} {
			out[name+" "+s.Shipper] = shown{Value: group(int64(value)), Share: -1}
		}
	}
	return c.JSON(http.StatusOK, out)
}

func batchRowOf(batch app.BatchLife) batchRow {
	return batchRow{
		BatchLife: batch, Address: "/batches/" + url.PathEscape(batch.ID), At: sayTime(batch.StoredAt),
		Shipped: between(batch.SealedAt, batch.ShippedAt), Kept: between(batch.ShippedAt, batch.StoredAt),
	}
}

func between(from, to time.Time) string {
	if from.IsZero() || to.IsZero() {
		return "–"
	}
	// Kafka's times are whole milliseconds, and another machine's.
	took := to.Sub(from).Round(time.Millisecond)
	if took < time.Millisecond {
		return "<1 ms"
	}
	return took.String()
}

// batchPage is one batch's life.
type batchPage struct {
	ID    string
	Life  app.BatchLife
	Steps []step
	Logs  string // the address of its logs' time
}

// step is one thing that happened to a batch.
type step struct{ What, At, After, Note string }

// batch answers GET /batches/{id}.
func (h *handlers) batch(c echo.Context) error {
	p := batchPage{ID: c.Param("id")}
	failed := troubleOf(h.api.get(c, "/api/batches/"+url.PathEscape(p.ID), nil, &p.Life))
	if failed != nil {
		return h.render(c, "batch.html", page{Title: "Batch", Here: "pipeline", Trouble: failed, Body: p})
	}
	before := time.Time{}
	for _, s := range []struct {
		what, note string
		at         time.Time
	}{
		{"Sealed", "closed by " + p.Life.Trigger, p.Life.SealedAt},
		{"Shipped", "Kafka has it", p.Life.ShippedAt},
		{"Stored", "PostgreSQL has it", p.Life.StoredAt},
	} {
		if s.at.IsZero() {
			continue
		}
		one := step{What: s.what, At: s.at.UTC().Format(time.RFC3339Nano), Note: s.note}
		if !before.IsZero() {
			one.After = between(before, s.at)
		}
		before = s.at
		p.Steps = append(p.Steps, one)
	}
	if !p.Life.FirstTime.IsZero() {
		p.Logs = address{}.with(paramFrom, p.Life.FirstTime.UTC().Format(time.RFC3339Nano)).
			with(paramTo, p.Life.LastTime.Add(time.Microsecond).UTC().Format(time.RFC3339Nano)).String()
	}
	return h.render(c, "batch.html", page{Title: "Batch " + p.ID, Here: "pipeline", Body: p})
}

func sayTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 Jan 15:04:05")
}
