package handlers

import (
	"encoding/json"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// Replay sends an item of the quarantine through the pipeline again, as a batch
// whose identity is always the same: sent twice, it is stored once.
type Replay struct {
	codec    app.BatchCodec
	store    app.ReplayStore
	batches  message.Publisher
	hopeless func(error) (reason string)
}

// NewReplay returns a Replay that publishes to batches. hopeless returns one of
// app.Reasons for an error of batches that will not pass, else nothing.
func NewReplay(codec app.BatchCodec, store app.ReplayStore, batches message.Publisher, hopeless func(error) string) *Replay {
	return &Replay{codec: codec, store: store, batches: batches, hopeless: hopeless}
}

// Handle takes a message whose payload is an app.ReplayEvent. An item that
// cannot be sent goes back to the quarantine.
func (r *Replay) Handle(msg *message.Message) error {
	var event app.ReplayEvent
	if err := json.Unmarshal(msg.Payload, &event); err != nil {
		return app.Errorf(app.KindInvalid, "the event is not readable: %w", err)
	}
	replay, due, err := r.store.Replaying(msg.Context(), event.Item)
	if err != nil || !due {
		return err
	}
	if replay.Count, err = r.codec.Count(replay.Payload); err != nil || replay.Count == 0 {
		return r.returned(msg, event.Item, app.ReasonInvalid, "the payload is no batch of logs")
	}
	batch := message.NewMessage(replay.ID(), replay.Payload)
	batch.Metadata = replay.Metadata()
	batch.SetContext(msg.Context())
	if err := r.batches.Publish(app.TopicLogs, batch); err != nil {
		if reason := r.hopeless(err); reason != "" {
			return r.returned(msg, event.Item, reason, err.Error())
		}
		return err
	}
	return nil
}

func (r *Replay) returned(msg *message.Message, item int64, reason, why string) error {
	return r.store.Returned(msg.Context(), item, app.Failure{Stage: app.StageReplay, Reason: reason, Handler: "replay", Error: why})
}
