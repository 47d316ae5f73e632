package routers

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"millrace/app"
	"millrace/handlers"
)

// Events routes the store's events to the projection.
func Events(cfg Config, stored message.Subscriber, project *handlers.Project) (*message.Router, error) {
	return newRouter(cfg, route{
		handler: "project",
		topic:   app.TopicStored,
		from:    stored,
		handle:  project.Handle,
		middleware: []message.HandlerMiddleware{
			retryTransient(cfg),
			measured(cfg),
			watched(cfg),
			middleware.Recoverer,
		},
	})
}
