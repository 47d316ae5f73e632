package postgres

import (
	"context"
	"sync"
	"time"

	"millrace/app"
)

// storeTimeout bounds the storing of one batch. A server that is gone without a
// word would otherwise hold it for a quarter of an hour, longer than Kafka
// lets a consumer be silent.
const storeTimeout = 30 * time.Second

// maxKeptBuffer is the largest buffer that is kept for the next batch, in bytes.
const maxKeptBuffer = 16 << 20

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
// batch, even at the same time, one writes. An error leaves nothing behind,
// but for one: a connection that is lost in the commit may hide a success, and
// the next delivery is then a duplicate.
func (s *Store) Store(ctx context.Context, batch app.Batch) (app.Receipt, error) {
	if err := checkHead(batch.BatchHead); err != nil {
		return app.Receipt{}, err
	}
	buffer := s.buffers.Get().(*copyBuffer)
	defer func() {
		if cap(buffer.data) <= maxKeptBuffer {
			s.buffers.Put(buffer)
		}
	}()
	limited, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var armour armour
	for {
		if err := s.encode(buffer, batch, &armour); err != nil {
			return app.Receipt{}, err
		}
		receipt, err := s.write(limited, batch.BatchHead, buffer)
		if !armour.widen(err) {
			return receipt, classify(ctx, err)
		}
	}
}

func checkHead(head app.BatchHead) error {
	switch {
	case head.Count < 1 || head.Count > app.MaxBatchCount:
		return app.Errorf(app.KindInvalid, "batch %s says it holds %d logs: want 1 to %d", head.ID(), head.Count, app.MaxBatchCount)
	case head.First > app.MaxFirst:
		return app.Errorf(app.KindInvalid, "batch %s: its sequence number is too large for the ledger", head.ID())
	case !app.IsShipperName(head.Shipper) || !storable(head.Topic):
		return app.Errorf(app.KindInvalid, "the batch's shipper %.40q or topic %.40q cannot be a name: want UTF-8 without NUL, of 1 to 512 bytes", head.Shipper, head.Topic)
	}
	return nil
}

// encode writes the batch's logs into the buffer, each repaired if need be.
func (s *Store) encode(buffer *copyBuffer, batch app.Batch, armour *armour) error {
	buffer.reset()
	days := newWindow(time.Now(), s.db.cfg.Retention)
	for log, err := range batch.Logs {
		if err != nil {
			return err
		}
		shown := repaired(log)
		if armour.covers(len(buffer.ids)) {
			shown = armoured(log)
		}
		if shown != log {
			buffer.repaired++
		}
		buffer.add(shown, days)
	}
	if len(buffer.ids) != batch.Count {
		return app.Errorf(app.KindInvalid, "batch %s says it holds %d logs and holds %d", batch.ID(), batch.Count, len(buffer.ids))
	}
	return nil
}

// write brings the encoded batch into the database.
func (s *Store) write(ctx context.Context, head app.BatchHead, buffer *copyBuffer) (app.Receipt, error) {
	if err := s.db.partitions.ensure(ctx, buffer.days); err != nil {
		return app.Receipt{}, err
	}
	conn, err := s.db.pool.Acquire(ctx)
	if err != nil {
		return app.Receipt{}, err
	}
	defer conn.Release()
	receipt, err := transact(ctx, conn.Conn(), head, buffer)
	if lacksPartition(err) {
		s.db.partitions.forget()
	}
	return receipt, err
}
