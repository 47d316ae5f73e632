package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// selectOne finds a row by its id: the ledger knows when its batch was, and so
// where to look.
const selectOne = "SELECT " + logColumns + " FROM (SELECT logs.* FROM logs WHERE id = $1 AND time BETWEEN $2 AND $3 LIMIT 1) page"

const selectSpan = "SELECT first_time, last_time FROM ledger WHERE number = $1"

// Log implements app.LogFinder.
func (r *Reader) Log(ctx context.Context, id app.LogID) (log app.Log, err error) {
	err = pgx.BeginTxFunc(ctx, r.db.pool, oneMoment, func(tx pgx.Tx) error {
		log, err = findLog(ctx, tx, id)
		return err
	})
	return log, classify(ctx, err)
}

func findLog(ctx context.Context, tx pgx.Tx, id app.LogID) (app.Log, error) {
	missing := &app.Error{Kind: app.KindNotFound, Field: "id", Message: "there is no log " + id.String() + ": it was never stored, or its day has been dropped"}
	var first, last any
	err := tx.QueryRow(ctx, selectSpan, id.Batch()).Scan(&first, &last)
	if errors.Is(err, pgx.ErrNoRows) {
		return app.Log{}, missing
	}
	if err != nil {
		return app.Log{}, err
	}
	rows, err := tx.Query(ctx, selectOne, int64(id), first, last)
	if err != nil {
		return app.Log{}, err
	}
	found, err := scanLogs(rows, 1)
	if err == nil && len(found) == 0 {
		err = missing
	}
	if err != nil {
		return app.Log{}, err
	}
	return found[0], nil
}

// Find implements app.LogFinder.
func (r *Reader) Find(ctx context.Context, live app.LiveID) (app.LogID, error) {
	missing := &app.Error{Kind: app.KindNotFound, Field: "id", Message: "the log " + live.String() + " is not stored: it is on its way, or was set aside"}
	shipper, first, ok := app.ParseBatchID(live.Batch)
	if !ok || !storable(shipper) {
		return 0, missing
	}
	var number int64
	err := r.db.pool.QueryRow(ctx, "SELECT number FROM ledger WHERE shipper = $1 AND first_seq = $2", shipper, int64(first)).Scan(&number)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, missing
	}
	return app.NewLogID(number, live.Place), classify(ctx, err)
}

// selectStoredUpTo reads one entry of an index for each partition.
const selectStoredUpTo = `
	SELECT wanted.partition, (SELECT max(kafka_offset) + 1 FROM ledger WHERE topic = $1 AND kafka_partition = wanted.partition AND kafka_offset < wanted.behind)
	FROM unnest($2::integer[], $3::bigint[]) AS wanted (partition, behind)`

// StoredUpTo implements app.StoredPlaces.
func (r *Reader) StoredUpTo(ctx context.Context, ends app.Positions) (app.Positions, error) {
	var partitions []int32
	var behind []int64
	for partition, end := range ends {
		partitions, behind = append(partitions, partition), append(behind, end)
	}
	stored := app.Positions{}
	rows, err := r.db.pool.Query(ctx, selectStoredUpTo, app.TopicLogs, partitions, behind)
	if err != nil {
		return nil, classify(ctx, err)
	}
	var partition int32
	var position *int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &position}, func() error {
		if position != nil {
			stored[partition] = *position
		}
		return nil
	})
	return stored, classify(ctx, err)
}

// Context implements app.LogFinder. Each side is read by itself: of a batch that is
// stored meanwhile it may have what is on one.
func (r *Reader) Context(ctx context.Context, query app.ContextQuery) (around app.LogContext, err error) {
	if around.Log, err = r.Log(ctx, query.ID); err != nil {
		return around, err
	}
	if around.Before, err = r.beside(ctx, &around.Log, query.Before, false); err != nil {
		return around, classify(ctx, err)
	}
	slices.Reverse(around.Before)
	around.After, err = r.beside(ctx, &around.Log, query.After, true)
	return around, classify(ctx, err)
}

// beside reads what is next to a log, the nearest first.
func (r *Reader) beside(ctx context.Context, log *app.Log, limit int, after bool) ([]app.Log, error) {
	query := app.Query{Filter: app.Filter{Services: []string{log.Service}, Hosts: []string{log.Host}}, OldestFirst: after}
	query.At = placeOf(log, query, false)
	matcher, err := app.NewMatcher(query.Filter)
	if err != nil {
		return nil, err
	}
	page := newPage(limit, app.PageBytes/2)
	err = filling{page, r.db.pool, matcher}.inOrder(ctx, query)
	return page.logs, err
}
