package outcome_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/middleware/outcome"
)

func TestRecorder(t *testing.T) {
	failure := errors.New("full")
	translate := func(err error) error { return app.Errorf(app.KindFull, "come back: %w", err) }

	t.Run("hands the error to the one who waits, and nacks", func(t *testing.T) {
		msg := message.NewMessage("1", nil)
		ctx, waiting := app.WithOutcome(context.Background())
		msg.SetContext(ctx)
		_, err := outcome.Recorder(translate)(func(*message.Message) ([]*message.Message, error) { return nil, failure })(msg)
		if err != nil {
			t.Errorf("the error goes on: %v", err)
		}
		if got := waiting.Err(); app.KindOf(got) != app.KindFull || !errors.Is(got, failure) {
			t.Errorf("the outcome is %v", got)
		}
		select {
		case <-msg.Nacked():
		default:
			t.Error("the message is not nacked")
		}
		if msg.Ack() {
			t.Error("the router can still ack it")
		}
	})
	t.Run("leaves success alone", func(t *testing.T) {
		msg := message.NewMessage("1", nil)
		ctx, waiting := app.WithOutcome(context.Background())
		msg.SetContext(ctx)
		if _, err := outcome.Recorder(translate)(message.PassthroughHandler)(msg); err != nil || waiting.Err() != nil || !msg.Ack() {
			t.Error("success was touched")
		}
	})
	t.Run("leaves errors that nobody waits for to the router", func(t *testing.T) {
		msg := message.NewMessage("1", nil)
		_, err := outcome.Recorder(translate)(func(*message.Message) ([]*message.Message, error) { return nil, failure })(msg)
		if !errors.Is(err, failure) {
			t.Errorf("got %v", err)
		}
	})
}
