package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

const lifeColumns = `number, shipper, first_seq, last_seq, count, stored, another, coalesce(trigger, ''), topic, kafka_partition,
	kafka_offset, sealed_at, shipped_at, stored_at, first_time, last_time, duplicates, coalesce(replays, 0)`

const selectLife = "SELECT " + lifeColumns + ", outside FROM ledger WHERE shipper = $1 AND first_seq = $2"

// selectPlaces reads where the rows of a batch say that they stand in it. The
// range of time makes it read an index, and the days of the batch alone.
const selectPlaces = "SELECT (id & 16777215)::integer FROM logs WHERE id BETWEEN $1::bigint << 24 AND ($1::bigint << 24) + 16777215 AND time BETWEEN $2 AND $3 ORDER BY 1"

// selectLinks reads what of the quarantine lies in a batch's range; of another
// producer's batch, whose numbers are offsets, what lies at its own.
const selectLinks = "SELECT id, state, first_seq, last_seq FROM quarantine WHERE shipper = $1 AND first_seq <= $3 AND last_seq >= $2 AND (NOT $5 OR first_seq = $2) ORDER BY id LIMIT $4"

// Batch implements app.LedgerReader.
func (l *Ledger) Batch(ctx context.Context, id string) (life app.BatchLife, err error) {
	missing := &app.Error{Kind: app.KindNotFound, Message: "the ledger knows no batch " + id}
	shipper, first, ok := app.ParseBatchID(id)
	if !ok || !storable(shipper) {
		return life, missing
	}
	err = pgx.BeginTxFunc(ctx, l.db.pool, oneMoment, func(tx pgx.Tx) error {
		err := readLife(ctx, tx, shipper, first, &life)
		if errors.Is(err, pgx.ErrNoRows) {
			life = app.BatchLife{ID: id, Shipper: shipper, First: first, Last: first, State: app.BatchQuarantined}
		} else if err != nil {
			return err
		}
		if err := readLinks(ctx, tx, &life); err != nil {
			return err
		}
		if life.State != app.BatchQuarantined {
			return nil
		}
		for _, link := range life.Quarantine {
			if link.From == first {
				life.Last = link.To
				life.Count = int(link.Count())
				return nil
			}
		}
		return missing
	})
	return life, classify(ctx, err)
}

// readLife reads a batch's row and counts its logs.
func readLife(ctx context.Context, tx pgx.Tx, shipper string, first uint64, life *app.BatchLife) error {
	var outside int
	if err := scanLife(tx.QueryRow(ctx, selectLife, shipper, int64(first)), life, &outside); err != nil {
		return err
	}
	var keptFrom time.Time
	if err := readKeptFrom(ctx, tx, &keptFrom); err != nil {
		return err
	}
	places, err := readPlaces(ctx, tx, life.Number, life.FirstTime, life.LastTime)
	if err != nil {
		return err
	}
	rows := len(places)
	life.Rows = &rows
	judged := app.BatchRows{
		BatchHead: app.BatchHead{Shipper: shipper, First: first, Count: life.Count},
		Stored:    life.Stored, Outside: outside, FirstTime: life.FirstTime, Rows: rows,
		Set: uint64(life.Count), // what was never stored is not what is asked for here
	}
	for _, place := range places {
		judged.Places += uint64(place)
	}
	finding, _ := judged.Compare(keptFrom)
	switch finding.Kind {
	case app.FindMissing:
		life.State = app.BatchIncomplete
	case app.FindSurplus, app.FindMixed:
		life.State = app.BatchSurplus
	case app.FindUnchecked:
		life.State = app.BatchExpired
	}
	return nil
}

// readPlaces reads the places of a batch's rows, in order.
func readPlaces(ctx context.Context, tx pgx.Tx, number int64, from, to time.Time) ([]int, error) {
	rows, err := tx.Query(ctx, selectPlaces, number, from, to)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}

func readLinks(ctx context.Context, tx pgx.Tx, life *app.BatchLife) error {
	rows, err := tx.Query(ctx, selectLinks, life.Shipper, int64(life.First), int64(life.Last), app.MaxListed, life.Foreign)
	if err != nil {
		return err
	}
	var link app.QuarantineLink
	_, err = pgx.ForEachRow(rows, []any{&link.ID, &link.State, &link.From, &link.To}, func() error {
		life.Quarantine = append(life.Quarantine, link)
		return nil
	})
	return err
}

// scanLife reads lifeColumns, and what follows them.
func scanLife(row pgx.Row, life *app.BatchLife, more ...any) error {
	var sealed, shipped *time.Time
	err := row.Scan(append([]any{
		&life.Number, &life.Shipper, &life.First, &life.Last, &life.Count, &life.Stored, &life.Foreign, &life.Trigger,
		&life.Topic, &life.Partition, &life.Offset, &sealed, &shipped, &life.StoredAt, &life.FirstTime, &life.LastTime, &life.Duplicates, &life.Replays,
	}, more...)...)
	if err != nil {
		return err
	}
	life.ID = app.BatchHead{Shipper: life.Shipper, First: life.First}.ID()
	life.State = app.BatchStored
	if sealed != nil {
		life.SealedAt = sealed.UTC()
	}
	if shipped != nil {
		life.ShippedAt = shipped.UTC()
	}
	life.StoredAt, life.FirstTime, life.LastTime = life.StoredAt.UTC(), life.FirstTime.UTC(), life.LastTime.UTC()
	return nil
}

// Batches implements app.LedgerReader. One row more than the page is read, to
// know whether there is another page.
func (l *Ledger) Batches(ctx context.Context, query app.BatchQuery) (app.BatchPage, error) {
	var page app.BatchPage
	if !storable(query.Shipper) {
		return page, nil
	}
	var where conditions
	if !query.From.IsZero() {
		where.add("stored_at >= ?", query.From)
	}
	order := "stored_at DESC, number DESC"
	if query.Shipper != "" {
		order = "first_seq DESC"
		where.add("shipper = ?", query.Shipper)
	}
	if at := query.At; at != nil && query.Shipper != "" {
		where.add("first_seq < ?", int64(at.First))
	} else if at != nil {
		where.add("(stored_at, number) < (?, ?)", at.StoredAt, at.Number)
	}
	statement := "SELECT " + lifeColumns + " FROM ledger" + where.clause() + " ORDER BY " + order + " LIMIT " + where.arg(query.Limit+1)
	rows, err := l.db.pool.Query(ctx, statement, where.args...)
	if err != nil {
		return page, classify(ctx, err)
	}
	page.Batches, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (life app.BatchLife, err error) {
		return life, scanLife(row, &life)
	})
	if err != nil {
		return app.BatchPage{}, classify(ctx, err)
	}
	if len(page.Batches) > query.Limit {
		page.Batches = page.Batches[:query.Limit]
		last := page.Batches[query.Limit-1]
		page.Next = &app.BatchCursor{StoredAt: last.StoredAt, Number: last.Number, First: last.First}
	}
	return page, nil
}
