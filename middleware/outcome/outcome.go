// Package outcome tells whoever put a message in, and waits for it, why its
// handling failed: an acknowledgement alone does not carry the error.
package outcome

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// Recorder returns a middleware that hands a handler's error, as translate
// puts it, to the app.Outcome in the message's context, and nacks the message.
// The error ends here: it has been reported to the one who can act on it, and
// a full buffer must not fill the log as well. Messages that nobody waits for
// pass through untouched. It belongs outside every middleware that counts or
// retries errors.
func Recorder(translate func(error) error) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			produced, err := next(msg)
			waiting := app.OutcomeFrom(msg.Context())
			if err == nil || waiting == nil {
				return produced, err
			}
			waiting.Fail(translate(err))
			msg.Nack()
			return nil, nil
		}
	}
}
