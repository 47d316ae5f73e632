package postgres

import (
	"context"
	"errors"
	"time"
)

// maintainEvery is how often Maintain does its round.
const maintainEvery = 10 * time.Second

// Maintain does, until ctx ends, what is to be done from time to time: it makes
// the partitions of the days ahead, drops the days that are not to be kept any
// more, packs the minutes' counts, and empties the outbox of what was handled.
// Any number of processes may run it. What fails is tried in the next round.
func (db *DB) Maintain(ctx context.Context) error {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		if err := db.maintainOnce(ctx); err != nil && ctx.Err() == nil {
			db.cfg.Logger.Warn("maintaining PostgreSQL; it will be tried again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// maintainOnce is one round. No part waits for another's success.
func (db *DB) maintainOnce(ctx context.Context) error {
	today := dayOf(time.Now())
	ahead := db.partitions.ensure(ctx, []day{today, today + 1, today + 2})
	return errors.Join(
		classify(ctx, ahead),
		classify(ctx, db.dropDays(ctx, today)),
		classify(ctx, db.packCounts(ctx)),
		classify(ctx, db.deleteHandledEvents(ctx)),
	)
}
