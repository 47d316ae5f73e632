package ui

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// aroundPage is one log and its context.
type aroundPage struct {
	ID            string
	Log           row
	Rows          []row // oldest first, the log among them
	Before, After int   // how many there are
	Wanted        int   // how many were asked for on each side
	Choices       []choice
	Back          string // the address of the search it was found by
	Again         string // the address of this page, of a log that is not stored yet; else empty
}

type choice struct {
	N       int
	Address string
	Chosen  bool
}

var contextSizes = []int{10, 50, 200, 500}

// around answers GET /logs/{id}.
func (h *handlers) around(c echo.Context) error {
	at := address(c.QueryParams()).clone()
	wanted, err := strconv.Atoi(at.get(paramAround))
	if err != nil || wanted < 0 || wanted > app.MaxContext {
		wanted = contextSizes[0]
	}
	at = at.without(paramAround)
	p := aroundPage{ID: c.Param("id"), Wanted: wanted, Back: at.String()}
	path := "/logs/" + url.PathEscape(p.ID)
	for _, n := range contextSizes {
		p.Choices = append(p.Choices, choice{n, path + at.with(paramAround, strconv.Itoa(n)).String()[1:], n == wanted})
	}
	var found app.LogContext
	count := strconv.Itoa(wanted)
	err = h.api.get(c, "/api/logs/"+url.PathEscape(p.ID)+"/context", url.Values{"before": {count}, "after": {count}}, &found)
	failed := troubleOf(err)
	if failed != nil {
		if _, ok := app.ParseLiveID(p.ID); ok && failed.Status == http.StatusNotFound {
			failed.Name = "It is not stored yet"
			p.Again = c.Request().URL.RequestURI()
		}
		return h.render(c, "around.html", page{Title: "Log", Here: "search", Trouble: failed, Body: p})
	}
	add := func(log app.Log, chosen bool) {
		r := rowOf(log, at, false)
		r.Chosen = chosen
		p.Rows = append(p.Rows, r)
	}
	for _, log := range found.Before {
		add(log, false)
	}
	add(found.Log, true)
	for _, log := range found.After {
		add(log, false)
	}
	p.Log = rowOf(found.Log, at, true)
	p.Before, p.After = len(found.Before), len(found.After)
	return h.render(c, "around.html", page{Title: "Log " + p.ID, Here: "search", Body: p})
}
