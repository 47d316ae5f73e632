package handlers

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// Store puts each batch into the store, once.
type Store struct {
	codec app.BatchCodec
	store app.BatchStore
	done  func(app.BatchHead, app.Receipt)
}

// NewStore returns a Store. done is told of each batch that is in the store,
// from the goroutine that handled it; it may be nil.
func NewStore(codec app.BatchCodec, store app.BatchStore, done func(app.BatchHead, app.Receipt)) *Store {
	if done == nil {
		done = func(app.BatchHead, app.Receipt) {}
	}
	return &Store{codec: codec, store: store, done: done}
}

// Handle takes a message whose payload is a batch. Its error is permanent
// (app.Permanent) when the bytes are no batch.
func (s *Store) Handle(msg *message.Message) error {
	count, err := s.codec.Count(msg.Payload)
	if err != nil {
		return err
	}
	if count > app.MaxBatchCount {
		return app.Errorf(app.KindTooLarge, "a record holds %d logs: at most %d can be told apart", count, app.MaxBatchCount)
	}
	head, err := app.ReadBatchHead(msg.Metadata, count)
	if err != nil {
		return err
	}
	if count == 0 {
		return nil // a valid request that holds no log: nothing to keep
	}
	received := head.SealedAt
	if received.IsZero() {
		received = head.ShippedAt
	}
	receipt, err := s.store.Store(msg.Context(), app.Batch{
		BatchHead: head,
		Logs:      s.codec.Logs(msg.Payload, received),
		One:       func(place int) ([]byte, error) { return s.codec.One(msg.Payload, place) },
	})
	if err != nil {
		return err
	}
	s.done(head, receipt)
	return nil
}
