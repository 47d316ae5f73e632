package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// Quarantine keeps what was set aside. It implements app.PoisonStore,
// app.QuarantineStore and app.ReplayStore.
type Quarantine struct{ db *DB }

// Quarantine returns the quarantine.
func (db *DB) Quarantine() *Quarantine { return &Quarantine{db: db} }

const quarantineColumns = `id, state, stage, reason, handler, error, shipper, first_seq, count, another, readable, length(payload), tries,
	first_seen, last_seen, changed_at, topic, kafka_partition, kafka_offset, lay_since,
	coalesce((SELECT shipper || '-' || first_seq FROM ledger WHERE number = q.batch), ''), coalesce(replay || '-1', '')`

// Items implements app.QuarantineStore. One row more than the page is read, to
// know whether there is another page.
func (q *Quarantine) Items(ctx context.Context, query app.QuarantineQuery) (app.QuarantinePage, error) {
	page := app.QuarantinePage{Items: []app.QuarantineItem{}}
	var where conditions
	for _, f := range []struct{ column, value string }{
		{"state", query.State}, {"stage", query.Stage}, {"reason", query.Reason}, {"shipper", query.Shipper},
	} {
		if f.value != "" {
			if !storable(f.value) {
				return page, nil
			}
			where.add(f.column+" = ?", f.value)
		}
	}
	if !query.From.IsZero() {
		where.add("last_seen >= ?", query.From)
	}
	if !query.To.IsZero() {
		where.add("last_seen < ?", query.To)
	}
	if query.After > 0 {
		where.add("id < ?", query.After)
	}
	statement := "SELECT " + quarantineColumns + " FROM quarantine q" + where.clause() + " ORDER BY id DESC LIMIT " + where.arg(query.Limit+1)
	rows, err := q.db.pool.Query(ctx, statement, where.args...)
	if err != nil {
		return page, classify(ctx, err)
	}
	page.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (item app.QuarantineItem, err error) {
		return item, scanItem(row, &item)
	})
	if err != nil {
		return app.QuarantinePage{}, classify(ctx, err)
	}
	if len(page.Items) > query.Limit {
		page.Items = page.Items[:query.Limit]
		page.Next = page.Items[query.Limit-1].ID
	}
	return page, nil
}

// scanItem reads quarantineColumns, and what follows them.
func scanItem(row pgx.Row, item *app.QuarantineItem, more ...any) error {
	var since *time.Time
	err := row.Scan(append([]any{
		&item.ID, &item.State, &item.Stage, &item.Reason, &item.Handler, &item.Error, &item.Shipper, &item.First, &item.Count,
		&item.Foreign, &item.Readable, &item.Bytes, &item.Tries, &item.FirstSeen, &item.LastSeen, &item.ChangedAt,
		&item.Lay.Topic, &item.Lay.Partition, &item.Lay.Offset, &since, &item.Batch, &item.Replay,
	}, more...)...)
	if err != nil {
		return err
	}
	if since != nil {
		item.Lay.At = since.UTC()
	}
	item.FirstSeen, item.LastSeen, item.ChangedAt = item.FirstSeen.UTC(), item.LastSeen.UTC(), item.ChangedAt.UTC()
	return nil
}

// Item implements app.QuarantineStore.
func (q *Quarantine) Item(ctx context.Context, id int64) (detail app.QuarantineDetail, err error) {
	err = pgx.BeginTxFunc(ctx, q.db.pool, oneMoment, func(tx pgx.Tx) error {
		var names, values [][]byte
		row := tx.QueryRow(ctx, "SELECT "+quarantineColumns+", header_names, header_values, payload, coalesce(received_at, first_seen) FROM quarantine q WHERE id = $1", id)
		err := scanItem(row, &detail.QuarantineItem, &names, &values, &detail.Payload, &detail.Received)
		if errors.Is(err, pgx.ErrNoRows) {
			return noItem(id)
		} else if err != nil {
			return err
		}
		detail.Received = detail.Received.UTC()
		for i := range names {
			detail.Headers = append(detail.Headers, app.QuarantineHeader{Name: names[i], Value: values[i]})
		}
		detail.History, err = readHistory(ctx, tx, id)
		return err
	})
	return detail, classify(ctx, err)
}

func noItem(id int64) error {
	return app.Errorf(app.KindNotFound, "there is no item %d in the quarantine", id)
}

func readHistory(ctx context.Context, tx pgx.Tx, id int64) ([]app.QuarantineEvent, error) {
	rows, err := tx.Query(ctx, `
		SELECT at, what, stage, reason, handler, error, kafka_partition, kafka_offset
		FROM quarantine_events WHERE item = $1 ORDER BY number`, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e app.QuarantineEvent, err error) {
		var partition *int32
		var offset *int64
		err = row.Scan(&e.At, &e.What, &e.Stage, &e.Reason, &e.Handler, &e.Error, &partition, &offset)
		e.At = e.At.UTC()
		if partition != nil && offset != nil {
			e.Lies = &app.RecordPlace{Topic: app.TopicPoison, Partition: *partition, Offset: *offset, At: e.At}
		}
		return e, err
	})
}

// Discard implements app.QuarantineStore.
func (q *Quarantine) Discard(ctx context.Context, id int64) (state string, err error) {
	err = pgx.BeginFunc(ctx, q.db.pool, func(tx pgx.Tx) error {
		var readable bool
		if err := lockItem(ctx, tx, id, &state, &readable); err != nil {
			return err
		}
		switch state {
		case app.Held:
			state = app.Discarded
			return changeItem(ctx, tx, id, state)
		case app.Discarded:
			return nil
		case app.Replaying:
			return app.Errorf(app.KindConflict, "item %d is being replayed: it can be discarded when it comes back", id)
		default:
			return app.Errorf(app.KindConflict, "item %d was replayed: its logs are stored", id)
		}
	})
	return state, classify(ctx, err)
}

// lockItem reads an item that is to be changed.
func lockItem(ctx context.Context, tx pgx.Tx, id int64, state *string, readable *bool) error {
	err := tx.QueryRow(ctx, "SELECT state, readable FROM quarantine WHERE id = $1 FOR UPDATE", id).Scan(state, readable)
	if errors.Is(err, pgx.ErrNoRows) {
		return noItem(id)
	}
	return err
}

// changeItem gives an item a new state, and notes that in its history under the
// state's name.
func changeItem(ctx context.Context, tx pgx.Tx, id int64, state string) error {
	if _, err := tx.Exec(ctx, "UPDATE quarantine SET state = $2, changed_at = clock_timestamp() WHERE id = $1", id, state); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO quarantine_events (item, what) VALUES ($1, $2)", id, state)
	return err
}

// QuarantineCounts implements app.QuarantineCounter.
func (q *Quarantine) QuarantineCounts(ctx context.Context) ([]app.QuarantineCount, error) {
	rows, err := q.db.pool.Query(ctx, "SELECT state, reason, count(*) FROM quarantine GROUP BY state, reason")
	if err != nil {
		return nil, classify(ctx, err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[app.QuarantineCount])
	return counts, classify(ctx, err)
}
