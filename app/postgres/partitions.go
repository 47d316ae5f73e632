package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"millrace/app"
)

// Advisory locks of this package, in one namespace ("mill" in ASCII).
const (
	lockSpace      = 0x6d696c6c
	lockPartitions = 1 // held while partitions are made
	lockOutbox     = 2 // held while the outbox is emptied
	lockCounts     = 3 // held while the minutes' counts are packed

	// lockShippers is the namespace of the shippers, by the hash of their names.
	lockShippers = lockSpace + 1
)

// attachWait bounds the wait for a lock on the parent table: whoever waits for
// it makes all that come after wait too.
const attachWait = "2s"

// day counts days since 1970-01-01 UTC.
type day int64

const secondsADay = 24 * 60 * 60

func dayOf(t time.Time) day {
	seconds := t.Unix()
	d := seconds / secondsADay
	if seconds%secondsADay < 0 {
		d--
	}
	return day(d)
}

func (d day) begin() time.Time { return time.Unix(int64(d)*secondsADay, 0).UTC() }

// table names the partition of a day.
func (d day) table() string { return d.begin().Format("logs_2006_01_02") }

// window is the run of days that have partitions of their own.
type window struct{ first, last day }

func newWindow(now time.Time, retention time.Duration) window {
	return window{first: dayOf(now.Add(-retention)), last: dayOf(now) + 1}
}

func (w window) holds(d day) bool { return d >= w.first && d <= w.last }

// partitions makes the partitions of days, once each. Safe for concurrent use.
type partitions struct {
	pool      *pgxpool.Pool
	retention time.Duration

	mu      sync.Mutex
	made    map[day]bool // those known to exist; guarded by mu
	dropped day          // those before were dropped; guarded by mu
}

// window returns the days that have, or may get, partitions of their own.
func (p *partitions) window(now time.Time) window {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := newWindow(now, p.retention)
	w.first = max(w.first, p.dropped)
	return w
}

// learn takes note of the days that were dropped.
func (p *partitions) learn(before day) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before <= p.dropped {
		return
	}
	p.dropped = before
	for d := range p.made {
		if d < before {
			delete(p.made, d)
		}
	}
}

func newPartitions(pool *pgxpool.Pool, retention time.Duration) *partitions {
	return &partitions{pool: pool, retention: retention, made: map[day]bool{}}
}

// ensure makes the partitions of the days that do not exist yet.
func (p *partitions) ensure(ctx context.Context, days []day) error {
	for _, d := range days {
		p.mu.Lock()
		known := p.made[d]
		p.mu.Unlock()
		if known {
			continue
		}
		if err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error { return p.make(ctx, tx, d) }); err != nil {
			return fmt.Errorf("making the partition %s: %w", d.table(), err)
		}
		p.mu.Lock()
		p.made[d] = true
		p.mu.Unlock()
	}
	return nil
}

// forget makes ensure look again, for when a partition turned out to be gone.
func (p *partitions) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.made)
}

// errDropped is a day that was dropped and is not made again.
var errDropped = errors.New("the day was dropped")

// make makes the day's partition, unless the day was dropped: its logs then
// belong beside the window, which this process did not know yet.
func (p *partitions) make(ctx context.Context, tx pgx.Tx, d day) error {
	before, err := droppedBefore(ctx, tx)
	if err != nil {
		return err
	}
	if d < before {
		p.learn(before)
		return &app.Error{Kind: app.KindUnavailable, Err: errDropped, Message: "the day " + d.begin().Format(time.DateOnly) + " was dropped just now: its late logs are kept aside"}
	}
	return makePartition(ctx, tx, d)
}

func droppedBefore(ctx context.Context, tx pgx.Tx) (day, error) {
	var before time.Time
	err := tx.QueryRow(ctx, "SELECT before FROM dropped_days").Scan(&before)
	return dayOf(before), err
}

// makePartition makes a day's table and attaches it. Attaching, unlike CREATE …
// PARTITION OF, lets readers and writers of the other days go on. Only
// processes that make partitions wait for each other; all of it is undone when
// it does not come to its end.
func makePartition(ctx context.Context, tx pgx.Tx, d day) error {
	if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+attachWait+"'"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", lockSpace, lockPartitions); err != nil {
		return err
	}
	var attached bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'logs_inside'::regclass AND inhrelid = to_regclass($1))", d.table()).Scan(&attached)
	if err != nil || attached {
		return err
	}
	const moment = "2006-01-02 15:04:05Z07:00"
	_, err = tx.Exec(ctx, fmt.Sprintf(
		`CREATE TABLE %[1]s (LIKE logs_inside INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
		 ALTER TABLE logs_inside ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')`,
		d.table(), d.begin().Format(moment), (d+1).begin().Format(moment)))
	return err
}
