package routers

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"millrace/app"
	"millrace/handlers"
	"millrace/middleware/tracing"
)

// Quarantine routes what was set aside into the quarantine. There is nowhere
// further to set it aside: whatever fails is tried again for ever.
func Quarantine(cfg Config, poison message.Subscriber, quarantine *handlers.Quarantine) (*message.Router, error) {
	return newRouter(cfg, route{
		handler: "quarantine",
		topic:   app.TopicPoison,
		from:    poison,
		handle:  quarantine.Handle,
		middleware: []message.HandlerMiddleware{
			tracing.Handler(cfg.Tracing, "quarantine"),
			retryAll(cfg),
			measured(cfg),
			watched(cfg),
			middleware.Recoverer,
		},
	})
}

// Replay routes what is to be replayed back to Kafka.
func Replay(cfg Config, asked message.Subscriber, replay *handlers.Replay) (*message.Router, error) {
	return newRouter(cfg, route{
		handler: "replay",
		topic:   app.TopicReplay,
		from:    asked,
		handle:  replay.Handle,
		middleware: []message.HandlerMiddleware{
			tracing.Handler(cfg.Tracing, "replay"),
			retryTransient(cfg),
			measured(cfg),
			watched(cfg),
			middleware.Recoverer,
		},
	})
}
