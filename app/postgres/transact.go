package postgres

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"millrace/app"
)

const insertBatch = `
	INSERT INTO ledger (shipper, first_seq, count, stored, another, topic, kafka_partition, kafka_offset,
		sealed_at, shipped_at, first_time, last_time, outside, accepted, trigger)
	VALUES ($1, $2, $3, $15, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULLIF($13::bigint, 0), NULLIF($14::text, ''))
	ON CONFLICT (shipper, first_seq) DO NOTHING
	RETURNING number, transaction`

// rollbackTimeout bounds the undoing of a transaction; beyond it the connection
// is given up, which undoes it too.
const rollbackTimeout = 2 * time.Second

// transact stores an encoded batch in one transaction of three round trips: the
// beginning with the ledger's row, the COPY, and the event with the commit. On
// return the connection is free again, or closed.
func transact(ctx context.Context, conn *pgx.Conn, tracer trace.Tracer, batch app.Batch, buffer *copyBuffer, without apart) (app.Receipt, error) {
	defer rollback(ctx, conn)
	began := time.Now()
	head, stored := batch.BatchHead, batch.Count-len(without)
	event := app.StoredEvent{BatchID: head.ID(), Count: head.Count, AcceptedAt: head.AcceptedAt()}
	opening := &pgx.Batch{}
	opening.Queue("BEGIN")
	opening.Queue(insertBatch, head.Shipper, int64(head.First), head.Count, head.Foreign,
		head.Topic, head.Partition, head.Offset, known(head.SealedAt), known(head.ShippedAt), buffer.first, buffer.last,
		buffer.outside, int64(head.Accepted), head.Trigger, stored,
	).QueryRow(func(row pgx.Row) error { return row.Scan(&event.Number, &event.Transaction) })
	err := conn.SendBatch(ctx, opening).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return duplicate(ctx, conn, head)
	}
	if err != nil {
		return app.Receipt{}, err
	}
	copying := time.Now()
	err = inSpan(ctx, tracer, "COPY logs", func(ctx context.Context) error {
		_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(buffer.finish(event.Number)), copyLogs)
		return err
	})
	if err != nil {
		return app.Receipt{}, err
	}
	copied := time.Since(copying)
	closing := &pgx.Batch{}
	if err := queueEvent(ctx, closing, app.TopicStored, event); err != nil {
		return app.Receipt{}, err
	}
	if err := queueApart(closing, batch, event.Number, without); err != nil {
		return app.Receipt{}, err
	}
	if strings.HasPrefix(head.Shipper, app.ReplayPrefix) {
		closing.Queue(markReplayed, head.Shipper, event.Number)
	}
	buffer.queueSearch(closing, event.Number)
	closing.Queue("COMMIT")
	if err := conn.SendBatch(ctx, closing).Close(); err != nil {
		return app.Receipt{}, err
	}
	return app.Receipt{
		Number: event.Number, Stored: stored, Apart: len(without), Repaired: buffer.repaired, Took: time.Since(began), Copied: copied,
	}, nil
}

// duplicate answers for a batch whose key is in the ledger. A batch that has
// more logs than the one that is there is not that one: to pass over it would
// lose logs.
func duplicate(ctx context.Context, conn *pgx.Conn, head app.BatchHead) (app.Receipt, error) {
	var number int64
	var count int
	err := conn.QueryRow(ctx, "SELECT number, count FROM ledger WHERE shipper = $1 AND first_seq = $2", head.Shipper, int64(head.First)).
		Scan(&number, &count)
	if err != nil {
		return app.Receipt{}, err
	}
	if head.Count > count {
		return app.Receipt{}, app.Errorf(app.KindConflict, "batch %s holds %d logs, but the ledger knows it with %d: two shippers go by one name", head.ID(), head.Count, count)
	}
	countDuplicate(ctx, conn, number)
	return app.Receipt{Number: number, Duplicate: true}, nil
}

// countDuplicate counts the delivery in the ledger, and ends the transaction.
// The count is for people: the batch is stored, whatever comes of this, so it
// does not wait for the disk, and what fails is left to rollback.
func countDuplicate(ctx context.Context, conn *pgx.Conn, number int64) {
	ctx, cancel := context.WithTimeout(ctx, rollbackTimeout)
	defer cancel()
	count := &pgx.Batch{}
	count.Queue("SET LOCAL synchronous_commit = off")
	count.Queue("UPDATE ledger SET duplicates = duplicates + 1 WHERE number = $1", number)
	count.Queue("COMMIT")
	_ = conn.SendBatch(ctx, count).Close()
}

// rollback undoes what is not committed, even when ctx is over.
func rollback(ctx context.Context, conn *pgx.Conn) {
	const idle = 'I'
	if conn.IsClosed() || conn.PgConn().TxStatus() == idle {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = conn.Close(ctx)
	}
}

// known returns NULL for a time that nobody knows.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
