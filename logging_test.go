package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"millrace/app"
)

func TestTheLogTellsWhichTraceItBelongsTo(t *testing.T) {
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{0xc0, 0xff, 0xee}, SpanID: trace.SpanID{7}})
	ctx := trace.ContextWithSpanContext(context.Background(), span)
	for form, want := range map[string]string{
		"text": "role=test n=5 trace_id=c0ffee00000000000000000000000000 span_id=0700000000000000",
		"json": `"role":"test","n":5,"trace_id":"c0ffee00000000000000000000000000","span_id":"0700000000000000"`,
	} {
		var out bytes.Buffer
		logger, _ := loggerTo(&out, app.Config{LogForm: form, LogLevel: "info"})
		logger = logger.With("role", "test")
		logger.InfoContext(ctx, "within", "n", 5)
		logger.Info("without")
		lines := strings.SplitAfter(out.String(), "\n")
		if !strings.Contains(lines[0], want) || strings.Contains(lines[1], "trace_id") {
			t.Errorf("%s: %s", form, out.String())
		}
	}
}

func TestASignalSwitchesToDebuggingAndBack(t *testing.T) {
	cfg := app.DefaultConfig()
	cfg.LogLevel = "error"
	r := newRole("test", cfg)
	signals := listenForLevel()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.obeyLevelSignal(ctx, signals) }()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []slog.Level{slog.LevelDebug, slog.LevelError} {
		if err := self.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		deadline := time.After(10 * time.Second)
		for r.level.Level() != want {
			select {
			case <-time.After(time.Millisecond):
			case <-deadline:
				t.Fatalf("the level is %s, want %s", r.level.Level(), want)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
