package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// Searched compares a server that is searched with the one that is written to.
// It implements app.Searched.
type Searched struct{ written, searched asked }

// asked is a pool of connections to a server, or one.
type asked interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Searched returns how far a server is that is searched in place of this one.
func (db *DB) Searched(searched *DB) *Searched {
	return &Searched{written: db.pool, searched: searched.pool}
}

var _ app.Searched = (*Searched)(nil)

const (
	// catchUpPause is how often a replica is asked whether it has caught up.
	catchUpPause = 5 * time.Millisecond
	// positionTimeout bounds each question about positions.
	positionTimeout = time.Second
)

// CaughtUp implements app.Searched, by the position in the write-ahead log: what
// is committed is flushed (see commitToDisk), and what is replayed is seen. Two
// URLs may lead to one server, which is never behind itself. A server that is
// neither that nor a replica of PostgreSQL's own streaming says nothing of how
// far it is: it counts as behind.
func (s *Searched) CaughtUp(ctx context.Context, wait time.Duration) bool {
	var started time.Time
	var position string
	asking, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	err := s.written.QueryRow(asking, "SELECT pg_postmaster_start_time(), pg_current_wal_flush_lsn()::text").Scan(&started, &position)
	if err != nil {
		return false
	}
	for end := time.Now().Add(wait); ; {
		has, err := s.has(ctx, started, position)
		if err != nil || has || time.Now().After(end) {
			return err == nil && has
		}
		select {
		case <-time.After(catchUpPause):
		case <-ctx.Done():
			return false
		}
	}
}

// has tells whether the searched server is the one that was started then, or has
// replayed all up to a position.
func (s *Searched) has(ctx context.Context, started time.Time, position string) (has bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	err = s.searched.QueryRow(ctx, `
		SELECT pg_postmaster_start_time() = $1
			OR pg_is_in_recovery() AND coalesce(pg_last_wal_replay_lsn() >= $2::text::pg_lsn, false)`, started, position).Scan(&has)
	return has, err
}
