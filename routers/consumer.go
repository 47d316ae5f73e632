package routers

import (
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"millrace/app"
	"millrace/handlers"
	"millrace/middleware/tracing"
)

// Consumer routes each batch to the store. What can never be stored goes to
// poison, which must keep it for good before Publish returns.
func Consumer(cfg Config, batches message.Subscriber, store *handlers.Store, poison message.Publisher) (*message.Router, error) {
	setAside, err := middleware.PoisonQueueWithFilter(poison, app.TopicPoison, hopeless)
	if err != nil {
		return nil, err
	}
	return newRouter(cfg, route{
		handler: "store",
		topic:   app.TopicLogs,
		from:    batches,
		handle:  store.Handle,
		middleware: []message.HandlerMiddleware{
			setAside,
			tracing.Handler(cfg.Tracing, "store"),
			marked(app.StageStore),
			retryTransient(cfg),
			measured(cfg),
			watched(cfg),
			middleware.Recoverer,
		},
	})
}

// hopeless tells whether a batch must be set aside. Everything that may pass
// is not: an outage must not drain the topic into the poison queue, and a stop
// (context.Canceled) is nobody's fault.
func hopeless(err error) bool { return app.Permanent(err) || isPanic(err) }

func isPanic(err error) bool {
	var p middleware.RecoveredPanicError
	return errors.As(err, &p)
}

// marked notes on what will be set aside at which stage and why: the poison
// queue itself notes the error alone.
func marked(stage string) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			out, err := next(msg)
			if err != nil && hopeless(err) {
				reason := app.ReasonOf(err)
				if isPanic(err) {
					reason = app.ReasonPanic
				}
				msg.Metadata.Set(app.MetaStage, stage)
				msg.Metadata.Set(app.MetaReason, reason)
			}
			return out, err
		}
	}
}
