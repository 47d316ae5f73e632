package intake

import (
	"context"
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/problem"
)

// pause is when a client should come back that met us at a bad moment.
const pause = time.Second

var (
	errEmpty    = &app.Error{Kind: app.KindInvalid, Message: "the body is empty: send at least one log"}
	errNotReady = &app.Error{Kind: app.KindUnavailable, RetryAfter: pause, Message: "the shipper is starting: send the same again"}
	errClosed   = &app.Error{Kind: app.KindUnavailable, RetryAfter: pause, Message: "the shipper is stopping: send the same again"}
	errCrowded  = &app.Error{Kind: app.KindFull, RetryAfter: pause, Message: "the requests in hand hold as many bytes as they may: send the same again"}
	errBusy     = &app.Error{Kind: app.KindFull, RetryAfter: pause, Message: "as many requests as are allowed are in hand (setting shipper-max-requests): send the same again"}
)

// refusal says why a message was nacked. A failure that nobody explained is
// one of the pipeline, not of the logs: the client is told to come back, since
// clients of OTLP give up logs for which they get a 500.
func refusal(err error) error {
	switch {
	case app.KindOf(err) != app.KindInternal:
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &app.Error{Kind: app.KindUnavailable, RetryAfter: pause, Err: err, Message: "the logs waited too long for room: send the same again"}
	default:
		return &app.Error{Kind: app.KindUnavailable, RetryAfter: pause, Err: err, Message: "the logs could not be taken: send the same again"}
	}
}

// reasons names the kinds of failure for Observer.Refused.
var reasons = map[app.Kind]string{
	app.KindInternal:    "internal",
	app.KindInvalid:     "invalid",
	app.KindTooLarge:    "too_large",
	app.KindNotFound:    "invalid",
	app.KindFull:        "full",
	app.KindUnavailable: "unavailable",
	app.KindTimeout:     "timeout",
	app.KindConflict:    "conflict",
}

func reasonOf(err error) string {
	var unsupported *echo.HTTPError
	switch {
	case errors.As(err, &unsupported):
		return "unsupported"
	case errors.Is(err, errBusy), errors.Is(err, errCrowded):
		return "busy"
	default:
		return reasons[app.KindOf(err)]
	}
}

// otlpRefusal is answered as OTLP wants it, in the request's encoding.
type otlpRefusal struct {
	error
	answers Answers
	json    bool
}

func (o *otlpRefusal) Unwrap() error { return o.error }

// Render implements problem.Renderer.
func (o *otlpRefusal) Render(doc problem.Document) (contentType string, body []byte) {
	return otlpContentType(o.json), o.answers.Status(app.KindOf(o.error), doc.Detail, o.json)
}

func otlpContentType(json bool) string {
	if json {
		return "application/json"
	}
	return "application/x-protobuf"
}
