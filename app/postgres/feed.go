package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"millrace/app"
)

// storedChannel is notified with the transaction of each stored batch.
const storedChannel = "millrace_stored"

const (
	// heartbeat is how long the feed waits in silence before it asks whether
	// the server is there.
	heartbeat = 500 * time.Millisecond
	// maxSilence is how long the server's last word counts. A network that
	// swallows everything goes unnoticed for that long at the most.
	maxSilence = 2 * time.Second
	// Waits before a lost connection is made again, doubling.
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Feed hears of stored batches, from any process, when their transactions are
// committed. It implements app.StoredFeed.
type Feed struct {
	db    *DB
	known coverage
}

// Feed returns a feed, which knows nothing until Run runs.
func (db *DB) Feed() *Feed { return &Feed{db: db} }

// Covers implements app.StoredFeed. It is called for each query and costs next
// to nothing. A batch is heard of some milliseconds after its commit.
func (f *Feed) Covers(s app.Snapshot) bool { return f.known.covers(s, time.Now()) }

// ChangedAt returns when a batch was stored last, as far as the feed knows: just
// now, when it cannot know. A batch is heard of some milliseconds after its
// commit.
func (f *Feed) ChangedAt() time.Time { return f.known.changedAt(time.Now()) }

// Run listens until ctx ends, connecting again whenever the connection is
// lost; meanwhile Covers is false. It runs once.
func (f *Feed) Run(ctx context.Context) error {
	pause := firstPause
	for {
		listened, err := f.listen(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if listened {
			pause = firstPause
		}
		f.db.cfg.Logger.Warn("PostgreSQL does not tell of stored batches; recent logs are read from it directly meanwhile", "error", err, "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, lastPause)
	}
}

// listen hears until the connection is lost. listened tells whether it came to
// hearing.
func (f *Feed) listen(ctx context.Context) (listened bool, err error) {
	at := f.db.address()
	delete(at.RuntimeParams, "statement_timeout")
	// The end of a wait in silence ends nothing in the server: to have it
	// cancelled would only make the feed deaf meanwhile.
	at.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn()}
	}
	conn, err := pgx.ConnectConfig(ctx, at.ConnConfig)
	if err != nil {
		return false, unusable(at, err)
	}
	defer func() {
		listened = f.known.forget()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heartbeat)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	// What was committed before LISTEN is in the snapshot that is taken after
	// it; what was not, will be heard of.
	if err := ask(ctx, func(ctx context.Context) error { _, err := conn.Exec(ctx, "LISTEN "+storedChannel); return err }); err != nil {
		return false, err
	}
	if err := f.rebase(ctx, conn); err != nil {
		return false, err
	}
	for {
		if err := f.next(ctx, conn); err != nil {
			return true, err
		}
	}
}

// ask puts a question to the server and does not wait for ever.
func ask(ctx context.Context, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxSilence)
	defer cancel()
	return question(ctx)
}

// next waits for one notification, or finds out in the silence whether the
// server is still there.
func (f *Feed) next(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	notification, err := conn.WaitForNotification(waiting)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		asked := time.Now()
		if err := ask(ctx, conn.Ping); err != nil {
			return err
		}
		f.known.alive(asked)
		return nil
	}
	if err != nil {
		return err
	}
	transaction, err := strconv.ParseUint(notification.Payload, 10, 64)
	if err != nil {
		return err
	}
	if f.known.stored(transaction, time.Now()) {
		return f.rebase(ctx, conn)
	}
	return nil
}

// rebase makes the server's present state what a snapshot must include.
func (f *Feed) rebase(ctx context.Context, conn *pgx.Conn) error {
	asked := time.Now()
	var now app.Snapshot
	err := ask(ctx, func(ctx context.Context) error {
		return conn.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&now)
	})
	if err != nil {
		return err
	}
	f.known.begin(now, asked)
	return nil
}
