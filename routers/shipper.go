package routers

import (
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"millrace/app"
	"millrace/handlers"
	"millrace/middleware/batching"
	"millrace/middleware/journal"
	"millrace/middleware/outcome"
	"millrace/middleware/tracing"
)

// topicRequests names the stream of requests within the shipper.
const topicRequests = "requests"

// Shipper routes each request's logs to the batching publisher.
func Shipper(cfg Config, requests message.Subscriber, ship *handlers.Ship) (*message.Router, error) {
	return newRouter(cfg, route{
		handler: "ship",
		topic:   topicRequests,
		from:    requests,
		handle:  ship.Handle,
		middleware: []message.HandlerMiddleware{
			outcome.Recorder(refusal),
			tracing.Handler(cfg.Tracing, "ship"),
			measured(cfg),
			middleware.Recoverer,
		},
	})
}

// fullPause is when a client that met a full buffer should come back: about
// the time in which a healthy Kafka takes several batches.
const fullPause = time.Second

// refusal says in the domain's terms why the batching publisher did not take a
// message.
func refusal(err error) error {
	switch {
	case errors.Is(err, batching.ErrFull):
		return &app.Error{
			Kind: app.KindFull, RetryAfter: fullPause, Err: err,
			Message: "the journal or the buffer is full: Kafka takes logs more slowly than they come; send the same again later",
		}
	case errors.Is(err, batching.ErrTooLarge):
		return app.Errorf(app.KindTooLarge, "the request holds more than the buffer ever will (settings batching-buffer-capacity, batching-buffer-bytes): %w", err)
	case errors.Is(err, batching.ErrClosed):
		return &app.Error{Kind: app.KindUnavailable, RetryAfter: fullPause, Err: err, Message: "the shipper is stopping: send the same again"}
	case errors.Is(err, journal.ErrWrite):
		return &app.Error{Kind: app.KindUnavailable, RetryAfter: fullPause, Err: err, Message: "the journal's disk did not take the logs: send the same again later"}
	default:
		return err
	}
}
