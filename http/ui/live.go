package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

const eventStream = "text/event-stream"

// liveLogs is how a page goes on with logs as they come.
type liveLogs struct {
	Begin   string   // the address of the page that does
	Stream  string   // where they come from; empty: this page does not
	Trouble *trouble // why it cannot, although it was to
}

// placeTimeout is how long a page waits for the place of its stream. Without one
// it is shown all the same.
const placeTimeout = time.Second

// openLive takes the place from which on logs come that a page does not show
// which is asked for after this: so none is in neither. What is in both, the
// script drops.
func (h *handlers) openLive(c echo.Context, at address) (stream string, err error) {
	ctx, cancel := context.WithTimeout(c.Request().Context(), placeTimeout)
	defer cancel()
	var place struct {
		ID string `json:"last_event_id"`
	}
	if err := h.api.read(inner(c, http.MethodGet, "/api/logs/tail/place", nil).WithContext(ctx), &place); err != nil {
		return "", err
	}
	return "/ui/tail?" + url.Values(at.filters().with(paramLastID, place.ID)).Encode(), nil
}

// tail answers GET /ui/tail: what /api/logs/tail does, with logs as they are
// shown. A refusal becomes an event, too: a browser that listens to events shows
// its page no other answer.
func (h *handlers) tail(c echo.Context) error {
	query := c.QueryParams()
	out := &liveWriter{
		to: c.Response(), at: address(query).with(paramFrom, defaultFrom), control: http.NewResponseController(c.Response()),
		answer: newAnswer(),
	}
	h.api.api.ServeHTTP(out, inner(c, http.MethodGet, "/api/logs/tail", query))
	if out.streaming {
		return nil
	}
	said, err := json.Marshal(strings.Join(out.answer.trouble().Said(), " "))
	if err != nil {
		return err
	}
	out.begin()
	return out.send([]string{"event: refused", "data: " + string(said), ""})
}

// liveWriter is where the API writes events, and passes them on, each log shown.
type liveWriter struct {
	to        *echo.Response
	control   *http.ResponseController
	at        address
	answer    *answer // what is no stream
	streaming bool
	pending   []byte   // of a line that is not whole
	event     []string // lines
}

func (w *liveWriter) Header() http.Header { return w.answer.header }

func (w *liveWriter) WriteHeader(status int) {
	w.answer.status = status
	if status == http.StatusOK && strings.HasPrefix(w.answer.header.Get(echo.HeaderContentType), eventStream) {
		w.begin()
		w.streaming = true
	}
}

func (w *liveWriter) begin() {
	w.to.Header().Set(echo.HeaderContentType, eventStream)
	w.to.WriteHeader(http.StatusOK)
}

func (w *liveWriter) Write(p []byte) (int, error) {
	if !w.streaming {
		if w.answer.status == http.StatusOK && w.answer.body.Len() == 0 {
			w.WriteHeader(http.StatusOK)
		}
		if !w.streaming {
			return w.answer.Write(p)
		}
	}
	rest := append(w.pending, p...)
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			w.pending = append(w.pending[:0], rest...)
			return len(p), nil
		}
		text := strings.TrimSuffix(string(line), "\r")
		rest = after
		w.event = append(w.event, text)
		if text != "" && !strings.HasPrefix(text, ":") {
			continue
		}
		event := w.event
		w.event = nil
		if err := w.send(event); err != nil {
			return 0, err
		}
	}
}

// send passes an event on, whose last line is empty, or a comment.
func (w *liveWriter) send(event []string) error {
	var out bytes.Buffer
	isLog := false
	for _, line := range event {
		isLog = isLog || line == "event: log" || line == "event:log"
	}
	for _, line := range event {
		if data, ok := strings.CutPrefix(line, "data:"); ok && isLog {
			line = "data: " + w.shown(data)
		}
		out.WriteString(line + "\n")
	}
	_, err := w.to.Write(out.Bytes())
	return err
}

func (w *liveWriter) shown(data string) string {
	var log app.Log
	if err := json.Unmarshal([]byte(data), &log); err != nil {
		return "null"
	}
	shown, err := json.Marshal(rowOf(log, w.at, false))
	if err != nil {
		return "null"
	}
	return string(shown)
}

func (w *liveWriter) Flush() { _ = w.control.Flush() }

// Unwrap lets the API clear the deadlines of the connection.
func (w *liveWriter) Unwrap() http.ResponseWriter { return w.to }
