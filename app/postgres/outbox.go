package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// projectionGroup is the consumer group of the events: each is handled by one
// of all the consumers.
const projectionGroup = "projection"

// pollInterval is how often the outbox is looked at when it was empty. Readers
// do not wait for it: see app.Recent.
const pollInterval = 100 * time.Millisecond

// publishStored writes the event of a stored batch within its transaction.
func publishStored(tx wmsql.ContextExecutor, event app.StoredEvent) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	outbox, err := wmsql.NewPublisher(tx, wmsql.PublisherConfig{SchemaAdapter: wmsql.DefaultPostgreSQLSchema{}}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	return outbox.Publish(app.TopicStored, message.NewMessage(watermill.NewUUID(), payload))
}

// StoredSubscriber returns a subscriber to the events of app.TopicStored.
func (db *DB) StoredSubscriber(logger watermill.LoggerAdapter) (message.Subscriber, error) {
	return wmsql.NewSubscriber(db.sql, wmsql.SubscriberConfig{
		ConsumerGroup:  projectionGroup,
		PollInterval:   pollInterval,
		SchemaAdapter:  wmsql.DefaultPostgreSQLSchema{},
		OffsetsAdapter: wmsql.DefaultPostgreSQLOffsetsAdapter{},
	}, logger)
}

// deleteHandledEvents keeps the outbox small: what the group is past is never
// read again.
func (db *DB) deleteHandledEvents(ctx context.Context) error {
	_, err := db.pool.Exec(ctx, `
		DELETE FROM watermill_stored WHERE transaction_id <
			(SELECT min(last_processed_transaction_id) FROM watermill_offsets_stored)`)
	return classify(err)
}
