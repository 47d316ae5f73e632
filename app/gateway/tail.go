package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"millrace/app"
)

// TailEvent is one thing that a tail tells.
type TailEvent struct {
	Log RawLog // nil with any other
	// Missed is how many logs were not sent, since they came faster than they
	// were read; Gone is how many batches Kafka did not have any more.
	Missed, Gone int64
	// Lost is why the connection broke off; it is being made again. Back tells
	// that it is there, the first time, too.
	Lost error
	Back bool
}

// Pauses before a lost connection is made again.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 10 * time.Second
)

// maxEvent is the largest event that is read, in bytes.
const maxEvent = 64 << 20

// Tail hands out logs as they come, until ctx ends. It makes a connection that is
// lost again, and goes on where it was. A refusal that will not pass ends it.
// query has the parameters of /api/logs/tail.
func (c *Client) Tail(ctx context.Context, query url.Values, each func(TailEvent) error) error {
	t := tailer{client: c, query: query, each: each, pause: firstPause}
	for {
		err := t.once(ctx)
		var stop *stopped
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &stop):
			return stop.error
		case app.Permanent(err) || app.BarsEntry(err):
			return err
		case !t.was && t.place == "":
			return err // it was never there
		}
		if t.was {
			if err := each(TailEvent{Lost: err}); err != nil {
				return err
			}
		}
		t.was = false
		if !wait(ctx, t.pause) {
			return ctx.Err()
		}
		t.pause = min(2*t.pause, lastPause)
	}
}

func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// stopped is an error of whoever reads.
type stopped struct{ error }

type tailer struct {
	client *Client
	query  url.Values
	each   func(TailEvent) error
	place  string        // the id of the last event that was told
	was    bool          // the connection was there
	pause  time.Duration // before the next
}

// once makes a connection and reads it to its end.
func (t *tailer) once(ctx context.Context) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if t.place != "" {
		header.Set("Last-Event-ID", t.place)
	}
	response, err := t.client.ask(ctx, http.MethodGet, "/api/logs/tail", t.query, header, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	t.was, t.pause = true, firstPause
	if err := t.tell(TailEvent{Back: true}); err != nil {
		return err
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxEvent)
	place := t.place // behind the event that is read
	var event string
	var data []byte
	for lines.Scan() {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			place = string(value)
		case "event":
			event = string(value)
		case "data":
			data = append(data, value...)
		case "":
			if len(lines.Bytes()) > 0 {
				continue // a comment
			}
			if err := t.event(event, data); err != nil {
				return err
			}
			t.place, event, data = place, "", nil // now that all of it is there
		}
	}
	if err := lines.Err(); err != nil {
		return app.Errorf(app.KindUnavailable, "the gateway broke off: %w", err)
	}
	return app.Errorf(app.KindUnavailable, "the gateway broke off: %w", io.ErrUnexpectedEOF)
}

func (t *tailer) event(name string, data []byte) error {
	switch name {
	case "log":
		return t.tell(TailEvent{Log: data})
	case "missed":
		var missed struct{ Logs, Batches int64 }
		if err := json.Unmarshal(data, &missed); err != nil {
			return nil // a gateway of another time tells it otherwise
		}
		return t.tell(TailEvent{Missed: missed.Logs, Gone: missed.Batches})
	default:
		return nil
	}
}

func (t *tailer) tell(event TailEvent) error {
	if err := t.each(event); err != nil {
		return &stopped{err}
	}
	return nil
}
