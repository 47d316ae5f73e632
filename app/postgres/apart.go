package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"millrace/app"
)

// maxApart is how many logs of a batch are quarantined one by one; a batch of
// which PostgreSQL refuses more is at fault as a whole.
const maxApart = 1000

// apart is what a batch is stored without: the logs that PostgreSQL refuses
// though they were put into armour, as when a constraint of the operator's own
// forbids them. They are quarantined in the batch's own transaction.
type apart map[int]error // by the place in the batch

// find looks for the logs that the server refuses: it copies the batch in ever
// smaller parts, each undone if it is refused, and undoes all of it in the end.
// It takes a COPY for each refused log and each halving on the way to it.
func (s *Store) find(ctx context.Context, buffer *copyBuffer) (apart, error) {
	conn, err := s.db.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	defer rollback(ctx, conn.Conn())
	// What is checked at the commit must show here.
	if _, err := conn.Exec(ctx, "BEGIN; SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return nil, err
	}
	search := search{conn: conn.Conn(), buffer: buffer, found: apart{}}
	return search.found, search.sift(ctx, 0, len(buffer.rows))
}

type search struct {
	conn   *pgx.Conn
	buffer *copyBuffer
	found  apart
}

// sift finds what is refused of the rows from low up to high.
func (s *search) sift(ctx context.Context, low, high int) error {
	if _, err := s.conn.Exec(ctx, "SAVEPOINT part"); err != nil {
		return err
	}
	_, refusal := s.conn.PgConn().CopyFrom(ctx, s.buffer.part(low, high), copyLogs)
	if refusal == nil {
		_, err := s.conn.Exec(ctx, "RELEASE SAVEPOINT part")
		return err
	}
	if !refusesData(refusal) {
		return refusal
	}
	if _, err := s.conn.Exec(ctx, "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part"); err != nil {
		return err
	}
	if high-low > 1 {
		middle := (low + high) / 2
		if err := s.sift(ctx, low, middle); err != nil {
			return err
		}
		return s.sift(ctx, middle, high)
	}
	if len(s.found) == maxApart {
		return refusal
	}
	s.found[s.buffer.rows[low].place] = refusal
	return nil
}

// part returns the rows from low up to high as a stream that COPY reads.
func (b *copyBuffer) part(low, high int) io.Reader {
	end := b.end
	if high < len(b.rows) {
		end = b.rows[high].begin()
	}
	return io.MultiReader(bytes.NewReader([]byte(copyHeader)), bytes.NewReader(b.data[b.rows[low].begin():end]), bytes.NewReader([]byte(copyTrailer)))
}

// refusesData tells whether the server will refuse the same data for ever.
func refusesData(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && kindOf(refusal) == app.KindInvalid
}

// The item's identity is that of the batch, and its place in it: logs may be
// alike.
const insertApart = `
	WITH item AS (` + insertItemColumns + `
		ON CONFLICT (shipper, first_seq, digest) DO UPDATE SET batch = excluded.batch
		RETURNING id, stage, reason, handler, error)
	INSERT INTO quarantine_events (item, what, stage, reason, handler, error) SELECT id, 'poisoned', stage, reason, handler, error FROM item`

// queueApart adds what becomes of the logs that a batch is stored without.
func queueApart(into *pgx.Batch, batch app.Batch, number int64, logs apart) error {
	for place, refusal := range logs {
		payload, err := batch.One(place)
		if err != nil {
			return err
		}
		record := app.PoisonRecord{
			BatchHead: batch.BatchHead, Readable: true, Payload: payload, Lies: app.RecordPlace{At: time.Now()},
			Failure: app.Failure{Stage: app.StageStore, Reason: app.ReasonInvalid, Handler: "store", Error: refusal.Error()},
		}
		record.Count = 1
		if !record.Foreign {
			record.First += uint64(place)
		}
		hash := sha256.New()
		_, _ = hash.Write(binary.BigEndian.AppendUint64(nil, uint64(place))) // never fails
		_, _ = hash.Write(payload)
		into.Queue(insertApart, itemColumns(record, hash.Sum(nil), &number, 1)...)
	}
	return nil
}
