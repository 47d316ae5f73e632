package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"millrace/app"
)

// Store keeps batches. It implements app.BatchStore.
type Store struct {
	db      *DB
	buffers sync.Pool // of *copyBuffer
}

// Store returns the write side.
func (db *DB) Store() *Store {
	return &Store{db: db, buffers: sync.Pool{New: func() any { return &copyBuffer{} }}}
}

// Store implements app.BatchStore: the ledger's row, the logs and the event in
// one transaction. The ledger's key decides: of any number of deliveries of a
// batch, even at the same time, one writes.
func (s *Store) Store(ctx context.Context, batch app.Batch) (app.Receipt, error) {
	buffer := s.buffers.Get().(*copyBuffer)
	defer s.buffers.Put(buffer)
	days, err := s.encode(buffer, batch)
	if err != nil {
		return app.Receipt{}, err
	}
	if err := s.db.partitions.ensure(ctx, days); err != nil {
		return app.Receipt{}, classify(err)
	}
	receipt, err := s.write(ctx, batch.BatchHead, buffer)
	if err != nil {
		s.db.partitions.forget() // one may be gone
		return app.Receipt{}, classify(err)
	}
	return receipt, nil
}

// encode writes the batch's logs into the buffer and returns the days that
// they lie in.
func (s *Store) encode(buffer *copyBuffer, batch app.Batch) ([]day, error) {
	buffer.reset()
	window := newWindow(time.Now(), s.db.cfg.Retention)
	var days []day
	for log, err := range batch.Logs {
		if err != nil {
			return nil, err
		}
		d := dayOf(log.Time)
		inside := window.holds(d)
		if inside && !slices.Contains(days, d) {
			days = append(days, d)
		}
		buffer.add(log, !inside)
	}
	if len(buffer.ids) != batch.Count {
		return nil, app.Errorf(app.KindInvalid, "batch %s says it holds %d logs and holds %d", batch.ID(), batch.Count, len(buffer.ids))
	}
	return days, nil
}

const insertBatch = `
	INSERT INTO ledger (shipper, first_seq, count, another, topic, kafka_partition, kafka_offset, sealed_at, shipped_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
	ON CONFLICT (shipper, first_seq) DO NOTHING
	RETURNING number, transaction::text::bigint`

func (s *Store) write(ctx context.Context, head app.BatchHead, buffer *copyBuffer) (app.Receipt, error) {
	conn, err := s.db.sql.Conn(ctx)
	if err != nil {
		return app.Receipt{}, err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return app.Receipt{}, err
	}
	defer tx.Rollback() // does nothing after Commit

	event := app.StoredEvent{BatchID: head.ID(), Count: head.Count}
	err = tx.QueryRowContext(ctx, insertBatch,
		head.Shipper, int64(head.First), head.Count, head.Foreign, head.Topic, head.Partition, head.Offset,
		nullTime(head.SealedAt), nullTime(head.ShippedAt),
	).Scan(&event.Number, &event.Transaction)
	if errors.Is(err, sql.ErrNoRows) {
		return app.Receipt{Duplicate: true}, nil
	}
	if err != nil {
		return app.Receipt{}, err
	}
	rows := buffer.finish(event.Number)
	err = conn.Raw(func(driver any) error {
		_, err := driver.(*stdlib.Conn).Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows), copyLogs)
		return err
	})
	if err != nil {
		return app.Receipt{}, err
	}
	if err := publishStored(tx, event); err != nil {
		return app.Receipt{}, err
	}
	if err := tx.Commit(); err != nil {
		return app.Receipt{}, err
	}
	return app.Receipt{Number: event.Number, Stored: head.Count}, nil
}

func nullTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }
