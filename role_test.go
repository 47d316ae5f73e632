package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"millrace/app"
)

// A role may be told to stop before its router runs, as when another role of
// up cannot start.
func TestARouterThatDoesNotRunYetStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRole("test", app.DefaultConfig())
		router, err := message.NewRouter(message.RouterConfig{CloseTimeout: time.Hour}, watermill.NopLogger{})
		if err != nil {
			t.Fatal(err)
		}
		subscriber := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
		router.AddConsumerHandler("test", "topic", subscriber, func(*message.Message) error { return nil })
		r.group.Add(func() error { return errors.New("over before it began") }, func(error) {})
		r.addRouter(router)
		began := time.Now()
		if err := r.run(t.Context()); err == nil {
			t.Error("it did not fail")
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("stopping took %s", took)
		}
		if err := subscriber.Close(); err != nil {
			t.Error(err)
		}
	})
}

// traced is an error that writes more of itself when it is asked for details.
type traced struct{}

func (traced) Error() string                { return "it broke" }
func (t traced) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%s\nrouter.go:586", t.Error()) }

func TestAnErrorIsLoggedInOneLine(t *testing.T) {
	for _, form := range []string{"text", "json"} {
		var out bytes.Buffer
		logger, _ := loggerTo(&out, app.Config{LogForm: form, LogLevel: "info"})
		logger.Error("no", "error", traced{}, "cause", context.Canceled, "n", 5)
		if got := out.String(); strings.Contains(got, ".go") || !strings.Contains(got, "it broke") || !strings.Contains(got, "context canceled") {
			t.Errorf("%s: %s", form, got)
		}
	}
}

func TestWorkThatTheStopInterruptsIsNoError(t *testing.T) {
	canceled := fmt.Errorf("reading: %w", context.Canceled)
	for name, c := range map[string]struct {
		err    error
		fields watermill.LogFields
		want   bool
	}{
		"interrupted":                    {canceled, nil, false},
		"cleaning up what was so":        {errors.New("conn closed"), watermill.LogFields{"query_err": canceled, "topic": "t"}, false},
		"failed":                         {errors.New("conn closed"), watermill.LogFields{"topic": "t"}, true},
		"cleaning up what failed itself": {errors.New("conn closed"), watermill.LogFields{"query_err": errors.New("no")}, true},
	} {
		var out bytes.Buffer
		own, _ := loggerTo(&out, app.Config{LogLevel: "info"})
		logger := stopQuietly{watermill.NewSlogLogger(own)}
		logger.With(watermill.LogFields{"a": 1}).Error(name, c.err, c.fields)
		if got := out.Len() > 0; got != c.want {
			t.Errorf("%s: logged %q", name, out.String())
		}
	}
}
