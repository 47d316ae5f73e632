package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

const (
	// The shipper of an item's replays is always the same, so that the ledger
	// takes one of them. Nobody else can tell its name beforehand.
	beginReplay = `
		UPDATE quarantine SET state = 'replaying', changed_at = clock_timestamp(),
			replay = coalesce(replay, $2 || id || '-' || left(md5(gen_random_uuid()::text), 8))
		WHERE id = $1`

	selectReplay = `
		SELECT replay, payload, coalesce(received_at, first_seen), changed_at FROM quarantine
		WHERE id = $1 AND state = 'replaying'`

	returnItem = `
		WITH item AS (
			UPDATE quarantine SET state = 'held', changed_at = clock_timestamp(), tries = tries + 1,
				last_seen = greatest(last_seen, clock_timestamp()), stage = $2, reason = $3, handler = $4, error = $5
			WHERE id = $1 AND state = 'replaying' RETURNING id)
		INSERT INTO quarantine_events (item, what, stage, reason, handler, error) SELECT id, 'returned', $2, $3, $4, $5 FROM item`

	// In the transaction that stores the replay: whatever was thought of the
	// item meanwhile, its logs are stored.
	markReplayed = `
		WITH item AS (
			UPDATE quarantine SET state = 'replayed', changed_at = clock_timestamp() WHERE replay = $1 RETURNING id
		), link AS (
			UPDATE ledger SET replays = (SELECT id FROM item) WHERE number = $2)
		INSERT INTO quarantine_events (item, what) SELECT id, 'replayed' FROM item`
)

// Replay implements app.QuarantineStore. The event that asks for the replay is
// part of the transaction that makes the item one that is replayed.
func (q *Quarantine) Replay(ctx context.Context, id int64) (state string, err error) {
	err = pgx.BeginFunc(ctx, q.db.pool, func(tx pgx.Tx) error {
		var readable bool
		if err := lockItem(ctx, tx, id, &state, &readable); err != nil {
			return err
		}
		var due bool
		switch {
		case state == app.Replayed:
			return nil
		case state == app.Discarded:
			return app.Errorf(app.KindConflict, "item %d was discarded", id)
		case !readable:
			return app.Errorf(app.KindConflict, "item %d cannot be replayed: its payload is no batch of logs, so nothing could come of it but the same; discard it, or send what it should have been", id)
		case state == app.Replaying:
			err := tx.QueryRow(ctx, "SELECT changed_at < clock_timestamp() - make_interval(secs => $2) FROM quarantine WHERE id = $1", id, app.ReplayPatience.Seconds()).Scan(&due)
			if err != nil || !due {
				return err
			}
		}
		state = app.Replaying
		if _, err := tx.Exec(ctx, beginReplay, id, app.ReplayPrefix); err != nil {
			return err
		}
		events := &pgx.Batch{}
		events.Queue("INSERT INTO quarantine_events (item, what) VALUES ($1, $2)", id, state)
		if err := queueEvent(ctx, events, app.TopicReplay, app.ReplayEvent{Item: id}); err != nil {
			return err
		}
		return tx.SendBatch(ctx, events).Close()
	})
	return state, classify(ctx, err)
}

// Replaying implements app.ReplayStore.
func (q *Quarantine) Replaying(ctx context.Context, id int64) (replay app.Replay, ok bool, err error) {
	replay.First = 1
	err = q.db.pool.QueryRow(ctx, selectReplay, id).Scan(&replay.Shipper, &replay.Payload, &replay.SealedAt, &replay.OpenedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return app.Replay{}, false, nil
	}
	return replay, err == nil, classify(ctx, err)
}

// Returned implements app.ReplayStore.
func (q *Quarantine) Returned(ctx context.Context, id int64, why app.Failure) error {
	f := shownFailure(why)
	_, err := q.db.pool.Exec(ctx, returnItem, id, f.Stage, f.Reason, f.Handler, f.Error)
	return classify(ctx, err)
}
