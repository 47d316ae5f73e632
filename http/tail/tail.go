// Package tail tells of logs as they come, as server-sent events:
//
//	GET /api/logs/tail?service=checkout&min_level=WARN
//
//	id: AQIAAAEAAA
//	event: log
//	data: {"timestamp":"2026-01-31T12:00:00Z","level":"WARN",…}
//
//	event: missed
//	data: {"logs":1841}
//
// The filters are those of /api/logs, without times. An id is a place in Kafka: a
// client that comes back with it, in the header Last-Event-ID or the parameter
// last_event_id, goes on behind it and misses nothing that Kafka keeps, whichever
// gateway it comes back to. What Kafka keeps no more is told as
// {"batches":n}.
//
// With begin=stored a stream begins with what is in Kafka and not stored yet:
// whoever then asks for what is stored misses nothing, and knows by the batch and
// the place in it what is in both. A client that reads too slowly is told how many
// logs it was not sent. In a silence there is a comment every Heartbeat, with the
// place so far.
//
// Whoever must ask for what is stored before a stream can be opened, as a page
// must, first asks where that stream has to begin:
//
//	GET /api/logs/tail/place
//
//	{"last_event_id":"AQIAAAEAAA"}
//
//	tail.go    Config, Mount and the life of a stream
//	place.go   where a stream begins that is opened later
//	stream.go  writing events
package tail

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
	"millrace/http/query"
)

// Config is what the endpoints need.
type Config struct {
	Document *openapi.Document // required
	Hub      *app.TailHub      // nil: there is no Kafka, and that is what is answered
	// Stored tells how far the store has come that is searched. Required with Hub.
	Stored app.StoredPlaces
	// Still returns why a client that was let in may not go on, or nil. It is
	// asked every Heartbeat; nil: it always may.
	Still     func(echo.Context) error
	Heartbeat time.Duration // 0 means 15 s
}

func (c *Config) setDefaults() {
	if c.Heartbeat == 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.Still == nil {
		c.Still = func(echo.Context) error { return nil }
	}
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	switch {
	case c.Document == nil:
		return errors.New("tail: Document is missing")
	case c.Hub != nil && c.Stored == nil:
		return errors.New("tail: Stored is missing")
	case c.Heartbeat < 0:
		return errors.New("tail: Heartbeat must not be negative")
	}
	return nil
}

const (
	// headerLastID is where a browser's EventSource puts the last id.
	headerLastID = "Last-Event-ID"
	// paramLastID is for who cannot set headers.
	paramLastID = "last_event_id"
	// paramBegin says where a stream begins that has no last id.
	paramBegin  = "begin"
	beginStored = "stored"
)

// Mount adds the endpoints to a server, whose shutdown ends all tails.
func Mount(e *echo.Echo, cfg Config) error {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	h := &handler{cfg}
	router := openapi.GetAndHead(e)
	router.GET("/api/logs/tail", h.tail, cfg.Document.Check("tailLogs", query.Formats()))
	router.GET("/api/logs/tail/place", h.stored, cfg.Document.Check("tailPlace", query.Formats()))
	if cfg.Hub != nil {
		e.Server.RegisterOnShutdown(func() { _ = cfg.Hub.Close() }) // it returns no error
	}
	return nil
}

type handler struct{ cfg Config }

var errNoKafka = app.Errorf(app.KindUnavailable, "this gateway has no Kafka to follow: give it --kafka-brokers=HOST:PORT")

// tail answers GET /api/logs/tail.
func (h *handler) tail(c echo.Context) error {
	matcher, from, err := read(c)
	if err != nil {
		return err
	}
	if h.cfg.Hub == nil {
		return errNoKafka
	}
	if c.Request().Method == http.MethodHead {
		setHeaders(c.Response().Header())
		return c.NoContent(http.StatusOK)
	}
	if from.Positions == nil && openapi.Values(c.Request().Context()).Get(paramBegin) == beginStored {
		if from, err = h.cfg.Hub.Stored(c.Request().Context(), h.cfg.Stored); err != nil {
			return err
		}
	}
	tail, err := h.cfg.Hub.Open(c.Request().Context(), matcher.Matches, from)
	if err != nil {
		return err
	}
	defer tail.Close()
	out := newStream(c.Response())
	if err := out.begin(tail.Place()); err != nil {
		return nil // it left already
	}
	h.follow(c, tail, out)
	return nil
}

// read reads the filter, and the place to go on from if there is one.
func read(c echo.Context) (*app.Matcher, app.TailPlace, error) {
	ctx := c.Request().Context()
	filter, err := query.ReadFilter(ctx)
	if err != nil {
		return nil, app.TailPlace{}, err
	}
	matcher, err := app.NewMatcher(filter)
	if err != nil {
		return nil, app.TailPlace{}, err
	}
	// The header is newer: a browser comes back to the URL it began with.
	id, field := c.Request().Header.Get(headerLastID), headerLastID
	if id == "" {
		id, field = openapi.Values(ctx).Get(paramLastID), paramLastID
	}
	if id == "" {
		return matcher, app.TailPlace{}, nil
	}
	from, err := app.ParseTailPlace(id, field)
	return matcher, from, err
}

// atOnce is how many events are written together.
const atOnce = 256

// follow sends what there is to tell until the client leaves, may not go on, or
// the server stops.
func (h *handler) follow(c echo.Context, tail *app.Tail, out *stream) {
	ctx := c.Request().Context()
	asked := time.Now()
	for {
		waiting, cancel := context.WithTimeout(ctx, h.cfg.Heartbeat)
		events, err := tail.Next(waiting, atOnce)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, context.DeadlineExceeded):
			err = out.beat(tail.Place())
		case err != nil:
			_ = out.comment(err.Error()) // whoever left does not miss it
			return
		default:
			err = out.events(events)
		}
		if err != nil {
			return
		}
		if time.Since(asked) < h.cfg.Heartbeat {
			continue
		}
		asked = time.Now()
		if err := h.cfg.Still(c); err != nil {
			_ = out.comment(err.Error())
			return
		}
	}
}
