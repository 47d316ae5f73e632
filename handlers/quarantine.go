package handlers

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// Quarantine keeps what was set aside, whatever it is.
type Quarantine struct {
	codec app.BatchCodec
	store app.PoisonStore
	done  func(app.PoisonRecord, app.KeptPoison)
}

// NewQuarantine returns a Quarantine. done is told of each record that is kept,
// from the goroutine that handled it; it may be nil.
func NewQuarantine(codec app.BatchCodec, store app.PoisonStore, done func(app.PoisonRecord, app.KeptPoison)) *Quarantine {
	if done == nil {
		done = func(app.PoisonRecord, app.KeptPoison) {}
	}
	return &Quarantine{codec: codec, store: store, done: done}
}

// Handle takes any message. Its error says that the store could not keep it now.
func (q *Quarantine) Handle(msg *message.Message) error {
	record := app.ReadPoison(msg.Metadata, msg.Payload, q.codec.Count)
	kept, err := q.store.Keep(msg.Context(), record)
	if err != nil {
		return err
	}
	q.done(record, kept)
	return nil
}
