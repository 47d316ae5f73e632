package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
)

// outboxGroup is the consumer group of the events: each is handled by one of all
// the consumers.
const outboxGroup = "projection"

// pollInterval is how often the outbox is looked at when it was empty. Readers
// do not wait for it: see app.Recent.
const pollInterval = 100 * time.Millisecond

// queued is the database that watermill-sql's publisher sees: it puts the
// publisher's one statement into a batch, so that it travels with the commit
// instead of a round trip of its own. Its other methods are nil.
type queued struct {
	wmsql.ContextExecutor
	batch *pgx.Batch
}

func (q queued) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	q.batch.Queue(query, args...)
	return nil, nil
}

// queueEvent adds an event, as JSON, to what a transaction does. Whoever gets it
// learns of the span in ctx.
func queueEvent(ctx context.Context, batch *pgx.Batch, topic string, event any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	outbox, err := wmsql.NewPublisher(queued{batch: batch}, wmsql.PublisherConfig{SchemaAdapter: wmsql.DefaultPostgreSQLSchema{}}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	msg := message.NewMessage(watermill.NewUUID(), payload)
	nameSpan(ctx, msg)
	return outbox.Publish(topic, msg)
}

// Subscriber returns a subscriber to the events of an outbox's topic. Each event
// goes to one of all subscribers, in every process, until it is acked.
// Events come in the order of their transactions, as soon as no older
// transaction of the server is still open.
func (db *DB) Subscriber(logger watermill.LoggerAdapter) (message.Subscriber, error) {
	return wmsql.NewSubscriber(db.sql, wmsql.SubscriberConfig{
		ConsumerGroup:  outboxGroup,
		PollInterval:   pollInterval,
		SchemaAdapter:  wmsql.DefaultPostgreSQLSchema{},
		OffsetsAdapter: wmsql.DefaultPostgreSQLOffsetsAdapter{},
	}, logger)
}

// deleteHandledEvents keeps the outbox small: what the group is past is never
// read again. One process at a time does it; the others need not.
func (db *DB) deleteHandledEvents(ctx context.Context) error {
	return pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var mine bool
		err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1, $2)", lockSpace, lockOutbox).Scan(&mine)
		if err != nil || !mine {
			return err
		}
		_, err = tx.Exec(ctx, `
			DELETE FROM watermill_stored WHERE transaction_id <
				(SELECT min(last_processed_transaction_id) FROM watermill_offsets_stored);
			DELETE FROM watermill_replay WHERE transaction_id <
				(SELECT min(last_processed_transaction_id) FROM watermill_offsets_replay)`)
		return err
	})
}
