package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/labstack/echo/v4"
	"github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"millrace/app"
	"millrace/app/otel"
	"millrace/http/access"
	"millrace/http/actuator"
	"millrace/http/server"
	"millrace/middleware/metrics"
	"millrace/middleware/progress"
	"millrace/routers"
)

// role is what every role is built with.
type role struct {
	name     string
	cfg      app.Config
	logger   *slog.Logger
	registry *prometheus.Registry
	progress *progress.Watch
	level    *slog.LevelVar       // of logger
	tracing  trace.TracerProvider // nil: nothing is traced
	spans    io.Closer            // of tracing, or nil
	guard    *access.Guard        // of the role's server, once it has one
	open     []string             // routes that need no key
	forget   func()               // ends hearing of settings that are taken anew
	group    run.Group            // everything that runs until the role stops
}

// newRole returns a role, which must be closed when all of it has stopped.
func newRole(name string, cfg app.Config) *role {
	r := &role{name: name, cfg: cfg, registry: metrics.NewRegistry(), progress: progress.New(stuckAfter)}
	logger, level := loggerTo(os.Stderr, cfg)
	r.logger, r.level = logger.With("role", name), level
	r.forget = cfg.Live.Hear(func(before, now app.Config) {
		if before.LogLevel != now.LogLevel {
			setLevel(level, now.LogLevel)
		}
	})
	if cfg.Tracing.Endpoint != "" {
		provider, err := otel.Open(context.Background(), cfg.Tracing, "millrace-"+name, r.logger)
		if err != nil {
			r.logger.Error("nothing is traced", "error", err)
			return r
		}
		r.tracing, r.spans = provider, provider
	}
	return r
}

// close exports the last spans.
func (r *role) close() {
	r.forget()
	if r.spans != nil {
		r.closing("tracing", r.spans.Close)
	}
}

// stuckAfter is longer than any try to store a batch or to send one takes: they
// have time limits of their own.
const stuckAfter = 5 * time.Minute

// run runs the group until one of its actors ends or ctx does, and then stops
// the others in the order in which they were added. Being told to stop is no
// error.
func (r *role) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	r.group.Add(func() error { <-ctx.Done(); return nil }, func(error) { cancel() })
	signals := listenForLevel()
	r.addLoop(func(ctx context.Context) error { return r.obeyLevelSignal(ctx, signals) })
	err := r.group.Run()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// newServer returns the role's server, with the endpoints that every role has.
func (r *role) newServer(maxBody int64, checks ...app.Check) (*echo.Echo, error) {
	e := server.New(server.Config{Logger: r.logger, MaxBody: maxBody, Observer: metrics.NewHTTP(r.registry), Tracing: r.tracing})
	if err := r.addGuard(e); err != nil {
		return nil, err
	}
	return e, actuator.Mount(e, actuator.Config{Gatherer: r.registry, Checks: checks, Alive: r.progress, Level: r.level})
}

// addServer opens the role's address, which a setting names, and adds the
// server. Stopping it waits for the requests in progress.
func (r *role) addServer(e *echo.Echo, addr, setting string) error {
	if err := r.addCertificate(e); err != nil {
		return err
	}
	listener, err := listen(r.cfg, addr, setting)
	if err != nil {
		return err
	}
	r.addLoop(func(ctx context.Context) error { return server.Serve(ctx, e, listener, r.cfg.Shutdown) })
	return nil
}

// addLoop adds a loop that ends when its context does.
func (r *role) addLoop(loop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	r.group.Add(func() error { return loop(ctx) }, func(error) { cancel() })
}

// addRouter adds a router. Stopping it waits for the messages in hand.
func (r *role) addRouter(router *message.Router) {
	ended := make(chan struct{})
	r.group.Add(
		func() error {
			defer close(ended)
			return router.Run(context.Background())
		},
		func(error) {
			// Close would wait in vain for handlers that have not started.
			select {
			case <-router.Running():
			case <-ended:
			}
			if err := router.Close(); err != nil {
				r.logger.Error("the router did not stop in time", "error", err)
			}
		},
	)
}

// watermillLogger returns the role's logger for Watermill, whose news of its
// own comings and goings are for debugging.
func (r *role) watermillLogger() watermill.LoggerAdapter {
	return stopQuietly{watermill.NewSlogLoggerWithLevelMapping(r.logger, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})}
}

// stopQuietly is a logger to which work that was interrupted because the
// program stops is no error.
type stopQuietly struct{ watermill.LoggerAdapter }

func (l stopQuietly) Error(msg string, err error, fields watermill.LogFields) {
	interrupted := errors.Is(err, context.Canceled)
	for _, field := range fields { // what failed, where err is of cleaning up after it
		cause, _ := field.(error)
		interrupted = interrupted || errors.Is(cause, context.Canceled)
	}
	if interrupted {
		l.Debug(msg, fields.Add(watermill.LogFields{"error": err}))
		return
	}
	l.LoggerAdapter.Error(msg, err, fields)
}

func (l stopQuietly) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return stopQuietly{l.LoggerAdapter.With(fields)}
}

func (r *role) routing() routers.Config {
	return routers.Config{
		Registry:     r.registry,
		Tracing:      r.tracing,
		Logger:       r.watermillLogger(),
		CloseTimeout: r.cfg.Shutdown,
		MaxRetries:   r.cfg.Consumer.MaxRetries,
		Progress:     r.progress,
	}
}

// closing calls close when a role ends, and reports what could not be closed.
func (r *role) closing(what string, close func() error) {
	if err := close(); err != nil {
		r.logger.Error("closing "+what, "error", err)
	}
}

// need returns an error that names a setting without which a role cannot run.
func need(ok bool, setting, example string) error {
	if ok {
		return nil
	}
	return app.Errorf(app.KindInvalid, "%s is not set: give --%s=%s, or run everything with millrace up", setting, setting, example)
}
