package postgres

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

const (
	// The payload of a replay is the item's own: who merely calls himself
	// as a replay does begins an item of his own.
	selectReplayed = "SELECT id FROM quarantine WHERE replay = $1 AND sha256(payload) = $2 FOR UPDATE"

	insertItemColumns = `
		INSERT INTO quarantine (shipper, first_seq, digest, count, another, readable, topic, kafka_partition, kafka_offset,
			header_names, header_values, payload, received_at, first_seen, last_seen, batch, lay_since,
			stage, reason, handler, error, tries)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, $16, $17, $18, $19, $20, $21)`

	insertItem = insertItemColumns + " ON CONFLICT (shipper, first_seq, digest) DO NOTHING RETURNING id"

	selectItem = "SELECT id FROM quarantine WHERE shipper = $1 AND first_seq = $2 AND digest = $3 FOR UPDATE"

	insertPoisoned = `
		INSERT INTO quarantine_events (item, what, at, stage, reason, handler, error, kafka_partition, kafka_offset)
		VALUES ($1, 'poisoned', $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (item, kafka_partition, kafka_offset, at) WHERE what = 'poisoned' DO NOTHING`

	// Only a replay that failed takes an item back: what was replayed or
	// discarded meanwhile stays so, however often its first record comes.
	updatePoisoned = `
		UPDATE quarantine SET tries = tries + 1, last_seen = greatest(last_seen, $2),
			stage = $3, reason = $4, handler = $5, error = $6,
			state = CASE WHEN $7 AND state = 'replaying' THEN 'held' ELSE state END,
			changed_at = CASE WHEN $7 AND state = 'replaying' THEN clock_timestamp() ELSE changed_at END
		WHERE id = $1`
)

// Lengths at which texts for people end, in bytes. The headers have all of them.
const (
	maxFailure = 4096
	maxHandler = 256
)

// Keep implements app.PoisonStore.
func (q *Quarantine) Keep(ctx context.Context, record app.PoisonRecord) (kept app.KeptPoison, err error) {
	limited, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err = pgx.BeginFunc(limited, q.db.pool, func(tx pgx.Tx) error {
		kept, err = keep(limited, tx, record)
		return err
	})
	return kept, classify(ctx, err)
}

func keep(ctx context.Context, tx pgx.Tx, record app.PoisonRecord) (app.KeptPoison, error) {
	var kept app.KeptPoison
	digest := sha256.Sum256(record.Payload)
	returned, err := findItem(ctx, tx, &kept.ID, selectReplayed, record.Shipper, digest[:])
	if err != nil {
		return kept, err
	}
	if !returned {
		if kept.Fresh, err = findItem(ctx, tx, &kept.ID, insertItem, itemColumns(record, digest[:], nil, 0)...); err != nil {
			return kept, err
		}
	}
	if !returned && !kept.Fresh {
		if _, err = findItem(ctx, tx, &kept.ID, selectItem, record.Shipper, int64(record.First), digest[:]); err != nil {
			return kept, err
		}
	}
	f, at := shownFailure(record.Failure), nearestMoment(record.Lies.At)
	tag, err := tx.Exec(ctx, insertPoisoned, kept.ID, at, f.Stage, f.Reason, f.Handler, f.Error, record.Lies.Partition, record.Lies.Offset)
	if err != nil {
		return kept, err
	}
	if kept.Duplicate = tag.RowsAffected() == 0; kept.Duplicate {
		return kept, nil
	}
	_, err = tx.Exec(ctx, updatePoisoned, kept.ID, at, f.Stage, f.Reason, f.Handler, f.Error, returned)
	return kept, err
}

// findItem runs a statement that returns an item's id, or nothing.
func findItem(ctx context.Context, tx pgx.Tx, id *int64, statement string, args ...any) (found bool, err error) {
	rows, err := tx.Query(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	_, err = pgx.ForEachRow(rows, []any{id}, func() error { found = true; return nil })
	return found, err
}

// itemColumns are the arguments of insertItemColumns. batch is the number of the
// batch that was stored without the item, or nil.
func itemColumns(record app.PoisonRecord, digest []byte, batch *int64, tries int) []any {
	names := slices.Sorted(maps.Keys(record.Headers))
	headerNames, headerValues := make([][]byte, len(names)), make([][]byte, len(names))
	for i, name := range names {
		headerNames[i], headerValues[i] = []byte(name), []byte(record.Headers[name])
	}
	received := record.SealedAt
	if received.IsZero() {
		received = record.ShippedAt
	}
	payload := record.Payload
	if payload == nil {
		payload = []byte{}
	}
	f := shownFailure(record.Failure)
	return []any{
		record.Shipper, int64(record.First), digest, record.Count, record.Foreign, record.Readable,
		record.Topic, record.Partition, record.Offset, headerNames, headerValues, payload,
		known(nearestMoment(received)), nearestMoment(record.Lies.At), batch, known(nearestMoment(record.ShippedAt)),
		f.Stage, f.Reason, f.Handler, f.Error, tries,
	}
}

// shownFailure returns what the table can hold of a failure.
func shownFailure(f app.Failure) app.Failure {
	return app.Failure{
		Stage: strings.ToValidUTF8(f.Stage, ""), Reason: strings.ToValidUTF8(f.Reason, ""),
		Handler: shownText(f.Handler, maxHandler), Error: shownText(f.Error, maxFailure),
	}
}
