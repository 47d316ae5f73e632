package handlers

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// Ship hands each request's logs to a publisher that packs them into batches.
type Ship struct{ batches message.Publisher }

// NewShip returns a Ship that publishes to batches.
func NewShip(batches message.Publisher) *Ship { return &Ship{batches: batches} }

// Handle takes a message whose payload is an OTLP request. It returns when the
// publisher answers for the logs, with the publisher's error.
func (s *Ship) Handle(msg *message.Message) error {
	return s.batches.Publish(app.TopicLogs, msg)
}
