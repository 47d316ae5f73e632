package ui

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// searchPage is what the search page shows.
type searchPage struct {
	At        address
	Hidden    []hidden // parameters that a form keeps
	Chips     []chip
	Range     timeRange
	Logs      logList
	Histogram *histogram
	Facets    []facet
	Counting  *trouble // why there is no histogram, or no facets
	Exports   []export
	Live      liveLogs
	Clear     string // the address without filters
	Wider     string // the address of a longer range; empty: there is none
	Flip      string // the address in the other order
	Oldest    bool
	Find      string    // what stands in the box: a regular expression that is none, to be mended
	First     *firstLog // how to send a log, to whoever sees none; nil: not told
}

// firstLog is what whoever has no logs yet is told.
type firstLog struct {
	Intake string
	Keys   bool // a key must be shown
}

// hidden is a parameter of a form that nobody sees.
type hidden struct{ Name, Value string }

// logList is one page of logs.
type logList struct {
	Rows       []row
	Next, Prev string // addresses; empty: there is none
	More       string // what the script asks for the next page
}

// export is a link to all logs that match, as a file.
type export struct{ Label, Address string }

// search answers GET /.
func (h *handlers) search(c echo.Context) error {
	given := c.QueryParams()
	at, changed := canonical(given)
	if changed {
		return c.Redirect(http.StatusSeeOther, at.String())
	}
	if at.get(paramFrom) == "" && at.get(paramTo) == "" {
		at = at.with(paramFrom, defaultFrom)
	}
	p := searchPage{
		At: at, Hidden: hiddenOf(at.without(paramCursor)), Chips: at.chips(), Range: rangeOf(at, time.Now()),
		Exports: exportsOf(at), Live: liveLogs{Begin: at.without(notNewest...).with(paramLive, "1").String()},
		Clear: at.without(keys(at.filters())...).without(paramCursor).String(), Wider: wider(at),
		Oldest: at.get(paramOrder) == oldest,
	}
	p.Flip = at.without(paramCursor, paramLive).with(paramOrder, oldest).String()
	if p.Oldest {
		p.Flip = at.without(paramCursor, paramOrder).String()
	}
	failed := h.fill(c, &p)
	if failed != nil && failed.Status == http.StatusBadRequest {
		p.Find, p.Hidden = mendable(at)
	}
	if h.intake != "" && len(p.Chips) == 0 && at.get(paramCursor) == "" && at.get(paramTo) == "" {
		_, err := c.Cookie(keyCookie)
		p.First = &firstLog{h.intake, err == nil}
	}
	return h.render(c, "search.html", page{Title: "Search", Here: "search", Trouble: failed, Body: p})
}

const oldest = "oldest"

// fill asks for all that the page shows, side by side. It returns why there are
// no logs to show; that they could not be counted is told beside them.
func (h *handlers) fill(c echo.Context, p *searchPage) *trouble {
	var logs, bars, tops error
	var wait sync.WaitGroup
	wait.Go(func() {
		if p.At.isLive() {
			var err error
			p.Live.Stream, err = h.openLive(c, p.At)
			p.Live.Trouble = troubleOf(err)
		}
		p.Logs, logs = h.list(c, p.At)
	})
	wait.Go(func() { p.Histogram, bars = h.histogram(c, p.At) })
	wait.Go(func() { p.Facets, tops = h.facets(c, p.At) })
	wait.Wait()
	if logs != nil {
		return troubleOf(logs)
	}
	if p.Counting = troubleOf(bars); p.Counting == nil {
		p.Counting = troubleOf(tops)
	}
	return nil
}

// list asks for a page of logs.
func (h *handlers) list(c echo.Context, at address) (logList, error) {
	var found struct {
		Logs       []app.Log
		Next, Prev string
	}
	get := h.api.get
	if at.isLive() { // what comes live goes on from what is stored now
		get = h.api.getAnew
	}
	if err := get(c, "/api/logs", at.values(), &found); err != nil {
		return logList{}, err
	}
	// Filters that a row adds are those of the search, not of this page of it.
	var l logList
	for _, log := range found.Logs {
		l.Rows = append(l.Rows, rowOf(log, at.without(paramCursor, paramLive), false))
	}
	if found.Next != "" {
		next := at.without(paramLive).with(paramCursor, found.Next)
		l.Next, l.More = next.String(), "/ui/rows?"+url.Values(next).Encode()
	}
	if found.Prev != "" {
		l.Prev = at.without(paramLive).with(paramCursor, found.Prev).String()
	}
	return l, nil
}

// rows answers GET /ui/rows: a page of logs, for the script to add.
func (h *handlers) rows(c echo.Context) error {
	l, err := h.list(c, address(c.QueryParams()).clone())
	if t := troubleOf(err); t != nil {
		return c.JSON(t.Status, map[string]any{"said": t.Said()})
	}
	rows := l.Rows
	if rows == nil {
		rows = []row{}
	}
	return c.JSON(http.StatusOK, map[string]any{"rows": rows, "next": l.Next, "more": l.More})
}

// facet is the most frequent values of a field.
type facet struct {
	Label  string
	Values []facetValue
	Other  int64
}

type facetValue struct {
	Value   []span
	Grade   string // the class of a level
	Count   int64
	Share   int // of the most frequent value, in percent
	In, Out string
	Typed   string // how one types it as a filter
	Chosen  bool
	Drop    string
}

var facetFields = []string{"level", "service", "host"}

const facetLimit = "8"

func (h *handlers) facets(c echo.Context, at address) ([]facet, error) {
	query := counted(at)
	query["field"] = facetFields
	query.Set(paramLimit, facetLimit)
	var found app.Facets
	if err := h.api.get(c, "/api/logs/facets", query, &found); err != nil {
		return nil, err
	}
	at = at.without(paramLive)
	var facets []facet
	slices.SortStableFunc(found.Facets, func(x, y app.Facet) int {
		return slices.Index(facetFields, string(x.Field)) - slices.Index(facetFields, string(y.Field))
	})
	for _, f := range found.Facets {
		one := facet{Label: string(f.Field), Other: f.Other}
		for _, v := range f.Values {
			if v.Value == "" { // which can be no filter
				one.Other += v.Count
				continue
			}
			one.Values = append(one.Values, facetValueOf(at, string(f.Field), v, f.Values[0].Count))
		}
		if len(one.Values) > 0 {
			facets = append(facets, one)
		}
	}
	return facets, nil
}

func facetValueOf(at address, field string, v app.ValueCount, most int64) facetValue {
	out := facetValue{
		Count: v.Count, Share: int(100 * v.Count / max(most, 1)),
		In: at.adding(field, v.Value).String(), Out: at.adding(field+negated, v.Value).String(),
	}
	out.Typed = field + ":" + quoted(v.Value)
	out.Value, _ = spansOf(v.Value, maxField)
	if field == "level" {
		out.Grade = gradeOf(v.Value)
	}
	for _, chosen := range at[field] {
		if chosen == v.Value {
			out.Chosen, out.Drop = true, at.dropping(field, v.Value).String()
		}
	}
	return out
}

// counted returns the parameters for what counts the logs of an address.
func counted(at address) url.Values {
	return at.without(paramCursor, paramOrder, paramLimit).values()
}

// mendable returns the regular expressions of an address that are none, as they
// were typed, and what a form keeps of the rest.
func mendable(at address) (find string, rest []hidden) {
	var typed []string
	at = at.without(paramCursor)
	for name, sign := range map[string]string{paramRegex: "", paramRegex + negated: "-"} {
		for _, pattern := range at[name] {
			if _, err := regexp.Compile(pattern); err != nil {
				typed = append(typed, sign+"/"+strings.ReplaceAll(pattern, "/", `\/`)+"/")
				at = at.dropping(name, pattern)
			}
		}
	}
	return strings.Join(typed, " "), hiddenOf(at)
}

func hiddenOf(at address) []hidden {
	var out []hidden
	for _, name := range keys(at) {
		for _, value := range at[name] {
			out = append(out, hidden{name, value})
		}
	}
	return out
}

func exportsOf(at address) []export {
	query := at.without(paramCursor, paramLimit).values()
	var out []export
	for _, form := range []struct{ label, format string }{{"NDJSON", "ndjson"}, {"CSV", "csv"}, {"OTLP JSON", "otlp"}} {
		query.Set("format", form.format)
		out = append(out, export{form.label, "/api/logs/export?" + query.Encode()})
	}
	return out
}

// wider returns the address with the next longer range of the presets.
func wider(at address) string {
	for i, p := range presets[:len(presets)-1] {
		if p.From == at.get(paramFrom) && at.get(paramTo) == "" {
			return at.without(paramCursor).with(paramFrom, presets[i+1].From).String()
		}
	}
	if at.get(paramTo) != "" || at.get(paramFrom) != presets[len(presets)-1].From {
		return at.without(paramCursor, paramTo).with(paramFrom, presets[len(presets)-1].From).String()
	}
	return ""
}
