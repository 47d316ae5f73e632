package batching_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"millrace/middleware/batching"
)

// Watermill's own suite for whatever is a Pub/Sub, over the decorator on top of
// its in-memory Pub/Sub. The channel promises no order among its subscribers,
// so neither does this test; that of the package conformance, on Kafka, does.
func TestConformance(t *testing.T) {
	features := tests.Features{ExactlyOnceDelivery: true, RequireSingleInstance: true, ContextPreserved: true}
	for name, acknowledge := range map[string]batching.Acknowledge{"Flushed": batching.Flushed, "Buffered": batching.Buffered} {
		t.Run(name, func(t *testing.T) {
			tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) {
				channel := gochannel.NewGoChannel(gochannel.Config{
					Persistent:          true, // the suite subscribes after it published, too
					PreserveContext:     true,
					OutputChannelBuffer: 10_000,
				}, watermill.NopLogger{})
				pub, err := batching.New(channel, batching.Config{
					MaxMessages: 50, MaxDelay: 5 * time.Millisecond, Acknowledge: acknowledge, WhenFull: batching.Block,
				})
				if err != nil {
					t.Fatal(err)
				}
				return pub, channel
			}, nil)
		})
	}
}
