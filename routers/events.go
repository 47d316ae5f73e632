package routers

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"millrace/app"
	"millrace/handlers"
	"millrace/middleware/tracing"
)

// Events routes the store's events to the projection.
func Events(cfg Config, stored message.Subscriber, project *handlers.Project) (*message.Router, error) {
	return newRouter(cfg, route{
		handler: "project",
		topic:   app.TopicStored,
		from:    stored,
		handle:  project.Handle,
		middleware: []message.HandlerMiddleware{
			tracing.Handler(cfg.Tracing, "project"),
			retryTransient(cfg),
			measured(cfg),
			watched(cfg),
			middleware.Recoverer,
		},
	})
}
