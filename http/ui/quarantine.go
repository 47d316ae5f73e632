package ui

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// quarantinePage is a list of what was set aside.
type quarantinePage struct {
	Query   address
	Items   []itemRow
	Next    string
	Filters []choices
	Shipper string
	Done    string // what became of an order
	Back    string // the address of this list, for forms
	Fresh   string // what the script asks for what changed
}

// itemRow is one item in a list.
type itemRow struct {
	app.QuarantineItem
	Error []span
	Last  string
}

// choices are the values that a filter may have.
type choices struct {
	Name, Label string
	Values      []string
	Chosen      string
}

var quarantineFilters = []string{"state", "stage", "reason", "shipper", paramCursor}

// quarantine answers GET /quarantine.
func (h *handlers) quarantine(c echo.Context) error {
	at := address(c.QueryParams()).clone()
	p := quarantinePage{Query: at, Shipper: at.get("shipper"), Done: at.get("done"), Back: quarantineAddress(at.without("done"))}
	for name, values := range map[string][]string{"state": app.QuarantineStates, "stage": app.Stages, "reason": app.Reasons} {
		p.Filters = append(p.Filters, choices{name, name, values, at.get(name)})
	}
	slices.SortFunc(p.Filters, func(a, b choices) int {
		return slices.Index(quarantineFilters, a.Name) - slices.Index(quarantineFilters, b.Name)
	})
	found, err := h.items(c, at)
	failed := troubleOf(err)
	for _, item := range found.Items {
		one := itemRow{QuarantineItem: item, Last: sayTime(item.LastSeen)}
		one.Error, _ = spansOf(item.Error, maxField)
		p.Items = append(p.Items, one)
	}
	if found.Next != "" {
		p.Next = quarantineAddress(at.without("done").with(paramCursor, found.Next))
	}
	p.Fresh = "/ui/items?" + url.Values(at.without("done")).Encode()
	return h.render(c, "quarantine.html", page{Title: "Quarantine", Here: "quarantine", Trouble: failed, Body: p})
}

// itemsPage is a page of items as the API has it.
type itemsPage struct {
	Items []app.QuarantineItem
	Next  string
}

// items asks for the items of a list's address.
func (h *handlers) items(c echo.Context, at address) (found itemsPage, err error) {
	query := url.Values{}
	for _, name := range quarantineFilters {
		if value := at.get(name); value != "" {
			query.Set(name, value)
		}
	}
	err = h.api.get(c, "/api/quarantine", query, &found)
	return found, err
}

// freshItems answers GET /ui/items: what of a list changes, by item.
func (h *handlers) freshItems(c echo.Context) error {
	found, err := h.items(c, address(c.QueryParams()).clone())
	if t := troubleOf(err); t != nil {
		return c.JSON(t.Status, map[string]any{"said": t.Said()})
	}
	type shown struct {
		State string `json:"state"`
		Tries int    `json:"tries"`
		Last  string `json:"last"`
	}
	out := map[int64]shown{}
	for _, item := range found.Items {
		out[item.ID] = shown{item.State, item.Tries, sayTime(item.LastSeen)}
	}
	return c.JSON(http.StatusOK, out)
}

func quarantineAddress(a address) string {
	if len(a) == 0 {
		return "/quarantine"
	}
	return "/quarantine?" + url.Values(a).Encode()
}

// itemPage is one item.
type itemPage struct {
	Item    app.QuarantineItem
	Error   []span
	Headers []itemHeader
	History []itemEvent
	Logs    []row
	Total   int
	Hex     string // of what cannot be read, its beginning
	Done    string
	Back    string
}

type itemHeader struct{ Name, Value []span }

type itemEvent struct {
	At, What, Stage, Reason string
	Error                   []span
}

// item answers GET /quarantine/{id}.
func (h *handlers) item(c echo.Context) error {
	id := c.Param("id")
	var found struct {
		app.QuarantineItem
		Headers []struct {
			Name, Value string
			Bytes       []byte
		}
		History   []app.QuarantineEvent
		Logs      []app.Log
		LogsTotal int `json:"logs_total"`
		Payload   []byte
	}
	failed := troubleOf(h.api.get(c, "/api/quarantine/"+url.PathEscape(id), nil, &found))
	if failed != nil {
		return h.render(c, "item.html", page{Title: "Quarantine", Here: "quarantine", Trouble: failed, Body: itemPage{}})
	}
	p := itemPage{Item: found.QuarantineItem, Total: found.LogsTotal, Done: c.QueryParam("done"), Back: "/quarantine/" + id}
	p.Error, _ = spansOf(found.Error, 0)
	for _, given := range found.Headers {
		value := given.Value
		if len(given.Bytes) > 0 {
			value = hex.EncodeToString(given.Bytes)
		}
		var one itemHeader
		one.Name, _ = spansOf(given.Name, maxField)
		one.Value, _ = spansOf(value, maxMessage)
		p.Headers = append(p.Headers, one)
	}
	for _, e := range found.History {
		one := itemEvent{At: e.At.UTC().Format(clockLong), What: e.What, Stage: e.Stage, Reason: e.Reason}
		one.Error, _ = spansOf(e.Error, maxMessage)
		p.History = append(p.History, one)
	}
	for _, log := range found.Logs {
		p.Logs = append(p.Logs, rowOf(log, nil, false))
	}
	if len(found.Payload) > 0 {
		p.Hex = hex.Dump(found.Payload[:min(len(found.Payload), maxHex)])
	}
	return h.render(c, "item.html", page{Title: "Quarantine item " + id, Here: "quarantine", Body: p})
}

const (
	clockLong = "2006-01-02 15:04:05.000"
	maxHex    = 4 << 10 // bytes
)

// decide answers POST /quarantine/replay and /quarantine/discard, which a form
// sends.
func (h *handlers) decide(order string) echo.HandlerFunc {
	return func(c echo.Context) error {
		form, err := c.FormParams()
		if err != nil {
			return app.Errorf(app.KindInvalid, "the form cannot be read: %w", err)
		}
		back := here(form.Get("back"), "/quarantine")
		var ids []int64
		for _, text := range form["id"] {
			id, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return &app.Error{Kind: app.KindInvalid, Field: "id", Message: "id is no number"}
			}
			ids = append(ids, id)
		}
		said, failed := "Nothing was chosen.", (*trouble)(nil)
		if len(ids) > 0 {
			said, failed = h.order(c, order, ids)
		}
		if failed != nil {
			return h.render(c, "quarantine.html", page{Title: "Quarantine", Here: "quarantine", Trouble: failed, Body: quarantinePage{Back: back}})
		}
		to, err := url.Parse(back)
		if err != nil {
			return err
		}
		query := to.Query()
		query.Set("done", said)
		to.RawQuery = query.Encode()
		return c.Redirect(http.StatusSeeOther, to.String())
	}
}

// order gives an order to the API, and says what became of it.
func (h *handlers) order(c echo.Context, order string, ids []int64) (string, *trouble) {
	r, err := withJSON(inner(c, http.MethodPost, "/api/quarantine/"+order, nil), map[string]any{"ids": ids})
	if err != nil {
		return "", troubleOf(err)
	}
	got := h.api.serve(r)
	if got.status != http.StatusOK {
		return "", got.trouble()
	}
	var results app.QuarantineResults
	if err := json.Unmarshal(got.body.Bytes(), &results); err != nil {
		return "", troubleOf(err)
	}
	done, why := 0, ""
	for _, r := range results.Results {
		if r.Detail == "" {
			done++
		} else if why == "" {
			why = fmt.Sprintf(" Item %d: %s", r.ID, sentence(r.Detail))
		}
	}
	what := map[string]string{"replay": "sent again", "discard": "given up"}[order]
	return fmt.Sprintf("%d of %d items %s.%s", done, len(results.Results), what, why), nil
}
