package routers

import (
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/metrics"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"millrace/app"
	"millrace/middleware/progress"
)

// Config is what every router needs.
type Config struct {
	Registry     prometheus.Registerer // where Watermill's metrics go; required
	Tracing      trace.TracerProvider  // nil: nothing is traced
	Logger       watermill.LoggerAdapter
	CloseTimeout time.Duration   // how long Close waits for messages in hand
	MaxRetries   int             // tries of a message before it is handed back
	Progress     *progress.Watch // is told of each try; nil: nobody is
}

// route is one row of a table.
type route struct {
	handler    string
	topic      string
	from       message.Subscriber
	handle     message.NoPublishHandlerFunc
	middleware []message.HandlerMiddleware // outermost first
}

// newRouter makes a router of one route. Closing it closes the subscriber.
func newRouter(cfg Config, r route) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: cfg.CloseTimeout}, cfg.Logger)
	if err != nil {
		return nil, err
	}
	// Watermill's builder panics on a nil registry; Config says it is required.
	from, err := builder(cfg).DecorateSubscriber(r.from)
	if err != nil {
		return nil, err
	}
	router.AddConsumerHandler(r.handler, r.topic, from, r.handle).AddMiddleware(r.middleware...)
	return router, nil
}

// Publisher decorates a publisher with Watermill's metrics, and watches that it
// gets on.
func Publisher(cfg Config, next message.Publisher) (message.Publisher, error) {
	measured, err := builder(cfg).DecoratePublisher(next)
	if err != nil || cfg.Progress == nil {
		return measured, err
	}
	return cfg.Progress.Publisher(measured), nil
}

// watched watches that each try ends.
func watched(cfg Config) message.HandlerMiddleware {
	if cfg.Progress == nil {
		return func(next message.HandlerFunc) message.HandlerFunc { return next }
	}
	return cfg.Progress.Handler
}

func builder(cfg Config) metrics.PrometheusMetricsBuilder {
	return metrics.NewPrometheusMetricsBuilder(cfg.Registry, "", "")
}

// measured records the time and the success of each try.
func measured(cfg Config) message.HandlerMiddleware {
	return builder(cfg).NewRouterMiddleware().Middleware
}

// retryTransient tries again what may pass, then hands the message back.
func retryTransient(cfg Config) message.HandlerMiddleware {
	return retry(cfg, func(err error) bool { return !app.Permanent(err) && !isPanic(err) })
}

// retryAll tries everything again, then hands the message back.
func retryAll(cfg Config) message.HandlerMiddleware {
	return retry(cfg, func(error) bool { return true })
}

// retry ends well within a consumer group's rebalance timeout of 60 s: while a
// handler holds a message, the end of its session goes unnoticed.
func retry(cfg Config, should func(error) bool) message.HandlerMiddleware {
	retry := middleware.Retry{
		MaxRetries:      cfg.MaxRetries,
		InitialInterval: 100 * time.Millisecond,
		MaxInterval:     10 * time.Second,
		MaxElapsedTime:  45 * time.Second,
		// ShouldRetry advances the backoff a second time: together a try
		// doubles the wait.
		Multiplier:          1.41,
		RandomizationFactor: 0.3,
		ShouldRetry:         func(p middleware.RetryParams) bool { return should(p.Err) },
	}
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			one := retry // its lines are about this message
			one.Logger = inTrace(cfg.Logger, msg)
			return one.Middleware(next)(msg)
		}
	}
}

// inTrace returns a logger that names the trace to which a message belongs, by
// the names that logs have for it in Millrace.
func inTrace(logger watermill.LoggerAdapter, msg *message.Message) watermill.LoggerAdapter {
	span := trace.SpanContextFromContext(msg.Context())
	if logger == nil || !span.IsValid() {
		return logger
	}
	return logger.With(watermill.LogFields{"trace_id": span.TraceID().String(), "span_id": span.SpanID().String()})
}
