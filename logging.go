package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"go.opentelemetry.io/otel/trace"

	"millrace/app"
)

// newLogger returns the program's own log, on standard error.
func newLogger(cfg app.Config) *slog.Logger {
	logger, _ := loggerTo(os.Stderr, cfg)
	return logger
}

// loggerTo returns a log and its level, which may be changed at any time.
func loggerTo(out io.Writer, cfg app.Config) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	setLevel(level, cfg.LogLevel)
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTrace}
	if cfg.LogForm == "json" {
		return slog.New(inTrace{slog.NewJSONHandler(out, options)}), level
	}
	return slog.New(inTrace{slog.NewTextHandler(out, options)}), level
}

// setLevel takes a level from the setting, which was checked: an unknown one
// cannot come here.
func setLevel(level *slog.LevelVar, setting string) { _ = level.UnmarshalText([]byte(setting)) }

// inTrace adds to what is logged within a span where it belongs: trace_id and
// span_id, the names that logs have in Millrace.
type inTrace struct{ slog.Handler }

// Handle implements slog.Handler.
func (h inTrace) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record = record.Clone()
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h inTrace) WithAttrs(attrs []slog.Attr) slog.Handler {
	return inTrace{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h inTrace) WithGroup(name string) slog.Handler { return inTrace{h.Handler.WithGroup(name)} }

// listenForLevel begins to listen for the signal that obeyLevelSignal obeys:
// unheard, it would end the process.
func listenForLevel() chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	return signals
}

// obeyLevelSignal makes SIGUSR1 switch to debugging, and back to the level that
// was set.
func (r *role) obeyLevelSignal(ctx context.Context, signals chan os.Signal) error {
	defer signal.Stop(signals)
	set := r.level.Level()
	for {
		select {
		case <-signals:
		case <-ctx.Done():
			return nil
		}
		switch now := r.level.Level(); now {
		case slog.LevelDebug:
			r.level.Set(set)
		default:
			set = now
			r.level.Set(slog.LevelDebug)
		}
		r.logger.Info("the log's level was changed by a signal", "level", r.level.Level())
	}
}

// withoutTrace logs an error as its message alone: those of Watermill would
// bring a stack trace of many lines.
func withoutTrace(_ []string, attribute slog.Attr) slog.Attr {
	if err, ok := attribute.Value.Any().(error); ok {
		attribute.Value = slog.StringValue(err.Error())
	}
	return attribute
}
