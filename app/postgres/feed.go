package postgres

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// storedChannel is notified with the transaction of each stored batch.
const storedChannel = "millrace_stored"

const (
	// heartbeat is how long the feed waits in silence before it asks whether
	// the server is there.
	heartbeat = 2 * time.Second
	// reconnectPause is the wait before a lost connection is made again.
	reconnectPause = 500 * time.Millisecond
	// maxPending is how many stored batches the feed remembers one by one.
	maxPending = 10_000
)

// Feed hears of stored batches. It implements app.StoredFeed.
type Feed struct {
	db *DB

	mu       sync.Mutex
	heard    bool                // connected and listening; guarded by mu, as are the rest
	baseline app.Snapshot        // sees every batch that is not pending
	pending  map[uint64]struct{} // transactions heard of that baseline does not see
}

// Feed returns a feed, which knows nothing until Run runs.
func (db *DB) Feed() *Feed { return &Feed{db: db} }

// Covers implements app.StoredFeed. It is called for each query and costs next
// to nothing.
func (f *Feed) Covers(s app.Snapshot) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.heard {
		return false
	}
	if len(f.pending) == 0 && s == f.baseline {
		return true
	}
	if !s.Includes(f.baseline) {
		return false
	}
	for transaction := range f.pending {
		if !s.Sees(transaction) {
			return false
		}
	}
	f.baseline = s
	clear(f.pending)
	return true
}

// Run listens until ctx ends, connecting again whenever the connection is
// lost; meanwhile Covers is false.
func (f *Feed) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := f.listen(ctx); err != nil && ctx.Err() == nil {
			f.db.cfg.Logger.Warn("PostgreSQL does not tell of stored batches; recent logs are read from it directly meanwhile", "error", err)
		}
		f.mu.Lock()
		f.heard = false
		f.mu.Unlock()
		select {
		case <-time.After(reconnectPause):
		case <-ctx.Done():
		}
	}
	return nil
}

func (f *Feed) listen(ctx context.Context) error {
	at := f.db.pool.Config().ConnConfig
	delete(at.RuntimeParams, "statement_timeout")
	conn, err := pgx.ConnectConfig(ctx, at)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heartbeat)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+storedChannel); err != nil {
		return err
	}
	// What was stored before is in this snapshot, what is stored from now on
	// will be heard of.
	if err := f.rebase(ctx, conn); err != nil {
		return err
	}
	for {
		if err := f.next(ctx, conn); err != nil {
			return err
		}
	}
}

// next waits for one notification, or finds out in the silence whether the
// server is still there.
func (f *Feed) next(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	notification, err := conn.WaitForNotification(waiting)
	switch {
	case err == nil:
		return f.hear(ctx, conn, notification.Payload)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		asking, cancel := context.WithTimeout(ctx, heartbeat)
		defer cancel()
		return conn.Ping(asking)
	default:
		return err
	}
}

func (f *Feed) hear(ctx context.Context, conn *pgx.Conn, payload string) error {
	transaction, err := strconv.ParseUint(payload, 10, 64)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.pending[transaction] = struct{}{}
	many := len(f.pending) > maxPending
	f.mu.Unlock()
	if many {
		return f.rebase(ctx, conn)
	}
	return nil
}

// rebase makes the server's present state the baseline.
func (f *Feed) rebase(ctx context.Context, conn *pgx.Conn) error {
	var now app.Snapshot
	if err := conn.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&now); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard, f.baseline, f.pending = true, now, map[uint64]struct{}{}
	return nil
}
