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
// one transaction, and the quarantine of those logs that PostgreSQL refuses for
// good. The ledger's key decides: of any number of deliveries of a
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
	var without apart
	for {
		if err := s.encode(buffer, batch, &armour, without); err != nil {
			return app.Receipt{}, err
		}
		receipt, err := s.write(limited, batch, buffer, without)
		if !refusesData(err) || without != nil {
			return receipt, classify(ctx, err)
		}
		if armour.widen(err) {
			continue
		}
		found, failure := s.find(limited, buffer)
		switch {
		case failure != nil:
			return app.Receipt{}, classify(ctx, failure)
		case armour.cover(found):
			continue
		case len(found) == 0, len(found) == batch.Count, batch.One == nil:
			return app.Receipt{}, classify(ctx, err) // it is at fault as a whole
		}
		without = found
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

// encode writes the batch's logs into the buffer, each repaired if need be, but
// for those that it is stored without.
func (s *Store) encode(buffer *copyBuffer, batch app.Batch, armour *armour, without apart) error {
	buffer.reset()
	days := s.db.partitions.window(time.Now())
	for log, err := range batch.Logs {
		if err != nil {
			return err
		}
		if without[buffer.place] != nil {
			buffer.skip()
			continue
		}
		shown := repaired(log)
		if armour.covers(buffer.place) {
			shown = armoured(log)
		}
		if shown != log {
			buffer.repaired++
		}
		buffer.add(shown, days)
	}
	if buffer.place != batch.Count {
		return app.Errorf(app.KindInvalid, "batch %s says it holds %d logs and holds %d", batch.ID(), batch.Count, buffer.place)
	}
	return nil
}

// write brings the encoded batch into the database.
func (s *Store) write(ctx context.Context, batch app.Batch, buffer *copyBuffer, without apart) (app.Receipt, error) {
	if err := s.db.partitions.ensure(ctx, buffer.days); err != nil {
		return app.Receipt{}, err
	}
	conn, err := s.db.pool.Acquire(ctx)
	if err != nil {
		return app.Receipt{}, err
	}
	defer conn.Release()
	receipt, err := transact(ctx, conn.Conn(), s.db.tracer, batch, buffer, without)
	if lacksPartition(err) {
		s.db.partitions.forget()
	}
	return receipt, err
}
