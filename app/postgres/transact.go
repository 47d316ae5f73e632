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

// insertBatch writes the row of a batch unless the ledger has its key, or
// numbers of it. A batch that Kafka took without its answer arriving, and then
// refused as too large, comes as a whole and as halves, of which all but the
// first have keys of their own: a half must not be stored beside the whole. Two
// rows decide: the nearest that begins before it, and one that begins within it.
// What another's end overlaps is stored; a verification tells of it.
const insertBatch = `
	INSERT INTO ledger (shipper, first_seq, count, stored, another, topic, kafka_partition, kafka_offset,
		sealed_at, shipped_at, first_time, last_time, outside, accepted, trigger)
	SELECT $1::text, $2::bigint, $3::integer, $15::integer, $4::boolean, $5::text, $6::integer, $7::bigint, $8::timestamptz, $9::timestamptz,
		$10::timestamptz, $11::timestamptz, $12::integer, NULLIF($13::bigint, 0), NULLIF($14::text, '')
	WHERE $4::boolean OR NOT EXISTS (
		SELECT FROM (
			SELECT last_seq FROM ledger WHERE shipper = $1::text AND first_seq < $2::bigint ORDER BY first_seq DESC LIMIT 1) AS before
		WHERE last_seq >= $2::bigint + $3::integer - 1
	) AND NOT EXISTS (
		SELECT FROM ledger WHERE shipper = $1::text AND first_seq > $2::bigint AND first_seq < $2::bigint + $3::integer)
	ON CONFLICT (shipper, first_seq) DO NOTHING
	RETURNING number, transaction`

// A whole and a half of it may come over two partitions at the same time, and
// neither transaction would see the other's row. So what may be a half, now or
// before a crash, is alone among the transactions of its shipper; all others
// are side by side. It waits for that no longer than waitAlone, and then tries
// again: those behind it must not wait for a consumer that hangs.
const (
	lockShipper      = "SELECT pg_advisory_xact_lock_shared($1, hashtext($2))"
	lockShipperAlone = "SELECT pg_advisory_xact_lock($1, hashtext($2))"
	waitAlone        = "SET LOCAL lock_timeout = '2s'"
)

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
	switch {
	case head.Foreign: // known by offsets, which have no parts
	case head.MayBeHalf():
		opening.Queue(waitAlone)
		opening.Queue(lockShipperAlone, lockShippers, head.Shipper)
	default:
		opening.Queue(lockShipper, lockShippers, head.Shipper)
	}
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

// duplicate answers for a batch whose key or numbers are in the ledger. One that
// has numbers beyond those of the nearest that is there is not a part of it: to
// pass over it would lose logs, and to store it would store some twice.
func duplicate(ctx context.Context, conn *pgx.Conn, head app.BatchHead) (app.Receipt, error) {
	var number, first int64
	var count int
	err := conn.QueryRow(ctx, "SELECT number, first_seq, count FROM ledger WHERE shipper = $1 AND first_seq <= $2 ORDER BY first_seq DESC LIMIT 1",
		head.Shipper, int64(head.First)).Scan(&number, &first, &count)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return app.Receipt{}, err
	}
	there := app.BatchHead{Shipper: head.Shipper, First: uint64(first), Count: count}
	switch {
	case err == nil && head.Last() <= there.Last():
		// It is there, or a part of what is.
	case err == nil && there.First == head.First:
		return app.Receipt{}, app.Errorf(app.KindConflict, "batch %s holds %d logs, but the ledger knows it with %d: two shippers go by one name", head.ID(), head.Count, count)
	default:
		return app.Receipt{}, app.Errorf(app.KindConflict, "batch %s holds %d logs, some of which the ledger knows of another batch: "+
			"it was sent in parts as well, or two shippers go by one name", head.ID(), head.Count)
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
