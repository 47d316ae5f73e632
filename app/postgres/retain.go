package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// selectDays reads the days that have partitions, the oldest first, and how
// large each is.
const selectDays = `SELECT substring(c.relname FROM '^logs_(\d{4}_\d\d_\d\d)$'), pg_total_relation_size(c.oid)
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'logs_inside'::regclass ORDER BY 1`

// dayForm is how the name of a partition tells its day.
const dayForm = "2006_01_02"

// keptDay is a day that is there.
type keptDay struct {
	day  day
	size int64
}

// dropDays drops the days that are too old and, while all days together are too
// large, the oldest; today never. One process does it at a time. A day that is
// being read is left for the next round.
func (db *DB) dropDays(ctx context.Context, today day) error {
	days, err := db.keptDays(ctx)
	if err != nil {
		return err
	}
	for _, d := range tooMany(days, newWindow(time.Now(), db.cfg.Retention).first, today, db.cfg.RetentionBytes) {
		if err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error { return dropDay(ctx, tx, d) }); err != nil {
			return err
		}
		db.partitions.learn(d + 1)
		db.cfg.Logger.Info("dropped a day of logs", "day", d.begin().Format(time.DateOnly))
	}
	return db.learnDropped(ctx)
}

// tooMany returns the days to drop, the oldest first.
func tooMany(days []keptDay, first, today day, limit int64) (drop []day) {
	var total int64
	for _, d := range days {
		total += d.size
	}
	for _, d := range days {
		if d.day >= today || d.day >= first && (limit == 0 || total <= limit) {
			break
		}
		drop = append(drop, d.day)
		total -= d.size
	}
	return drop
}

func (db *DB) keptDays(ctx context.Context) (days []keptDay, err error) {
	rows, err := db.pool.Query(ctx, selectDays)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name *string
		var size int64
		if err := rows.Scan(&name, &size); err != nil {
			return nil, err
		}
		if name == nil {
			continue // somebody else's
		}
		if at, err := time.Parse(dayForm, *name); err == nil {
			days = append(days, keptDay{dayOf(at), size})
		}
	}
	return days, rows.Err()
}

// learnDropped tells this process of days that another one has dropped.
func (db *DB) learnDropped(ctx context.Context) error {
	return pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		before, err := droppedBefore(ctx, tx)
		db.partitions.learn(before)
		return err
	})
}

// dropDay drops a day with all that is known of it but the ledger, which keeps
// the batches: their rows are told as unchecked from then on.
func dropDay(ctx context.Context, tx pgx.Tx, d day) error {
	if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+attachWait+"'"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", lockSpace, lockPartitions); err != nil {
		return err
	}
	begin, end := d.begin(), (d + 1).begin()
	for _, step := range []struct {
		statement string
		args      []any
	}{
		{"UPDATE dropped_days SET before = greatest(before, $1::date)", []any{end}},
		{"DELETE FROM log_counts WHERE minute >= $1 AND minute < $2 AND NOT outside", []any{begin, end}},
		{"DELETE FROM text_signatures WHERE last_time < $1 AND NOT outside", []any{end}},
		{"DELETE FROM field_signatures WHERE last_time < $1 AND NOT outside", []any{end}},
		{"DROP TABLE IF EXISTS " + d.table(), nil},
	} {
		if _, err := tx.Exec(ctx, step.statement, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// packCounts sums up what batches have counted of the same minute. Whoever counts
// meanwhile sees either all of the parts or their sum.
func (db *DB) packCounts(ctx context.Context) error {
	return pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var alone bool
		err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1, $2)", lockSpace, lockCounts).Scan(&alone)
		if err != nil || !alone {
			return err
		}
		_, err = tx.Exec(ctx, packMinutes)
		return err
	})
}

// packMinutes packs at most 100 minutes at once, none that is so young that more
// of it is still to come.
const packMinutes = `WITH taken AS (
			DELETE FROM log_counts WHERE minute IN (
				SELECT minute FROM log_counts WHERE NOT packed AND minute < now() - interval '2 minutes' GROUP BY minute ORDER BY minute LIMIT 100
			) RETURNING *
		)
		INSERT INTO log_counts SELECT minute, level, outside, service, sum(count), true FROM taken GROUP BY 1, 2, 3, 4`
