package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"millrace/app"
	"millrace/middleware/batching"
	"millrace/middleware/journal"
	"millrace/middleware/metrics"
	"millrace/middleware/tracing"
)

// This file is where the batching publisher meets the journal: neither knows of
// the other.

// openJournal returns what opens a topic's journal under the data directory, and
// tells opened of it.
func openJournal(r *role, counters *metrics.Journal, opened func(*journal.Journal)) func(topic string) (batching.Journal, error) {
	return func(topic string) (batching.Journal, error) {
		dir := journalDir(r.cfg, topic)
		j, err := journal.Open(journal.Config{
			Dir:       dir,
			MaxBytes:  r.cfg.Journal.MaxBytes,
			DiskShare: r.cfg.Journal.DiskShare,
			Observer:  counters,
			Logger:    r.logger,
		})
		switch {
		case errors.Is(err, journal.ErrLocked):
			return nil, app.Errorf(app.KindConflict, "another millrace writes the journal in %s: stop it, or set --data-dir to another folder", dir)
		case err != nil:
			return nil, app.Errorf(app.KindInvalid, "the journal in data-dir %s cannot be opened: %w", r.cfg.DataDir, err)
		}
		counters.Watch(j.Stats)
		opened(j)
		return tracing.Journal(r.tracing, journaled{j}), nil
	}
}

// journalDir returns the folder of a topic's journal.
func journalDir(cfg app.Config, topic string) string {
	return filepath.Join(cfg.DataDir, "journal", url.PathEscape(topic))
}

// journaled is a journal as batching.Publisher wants it.
type journaled struct{ *journal.Journal }

func (j journaled) Append(ctx context.Context, r batching.Record, wait bool) error {
	for {
		err := j.Journal.Append(journal.Record(r))
		switch {
		case errors.Is(err, journal.ErrFull) && wait:
			if err := j.AwaitRoom(ctx, journal.Record(r)); err != nil {
				return asBatching(err)
			}
		default:
			return asBatching(err)
		}
	}
}

func (j journaled) Next(ctx context.Context) (batching.Record, error) {
	r, err := j.Journal.Next(ctx)
	return batching.Record(r), asBatching(err)
}

func (j journaled) Seal(seals ...batching.Seal) error {
	converted := make([]journal.Seal, len(seals))
	for i, s := range seals {
		converted[i] = journal.Seal(s)
	}
	return asBatching(j.Journal.Seal(converted...))
}

func (j journaled) Seals() []batching.Seal {
	var seals []batching.Seal
	for _, s := range j.Journal.Seals() {
		seals = append(seals, batching.Seal(s))
	}
	return seals
}

func (j journaled) Backlog() (units, bytes, limit int64) {
	s := j.Stats()
	return s.Units, s.Bytes, s.Limit
}

// asBatching gives the journal's errors the names that the publisher's callers
// know.
func asBatching(err error) error {
	for ours, theirs := range map[error]error{
		journal.ErrFull:     batching.ErrFull,
		journal.ErrTooLarge: batching.ErrTooLarge,
		journal.ErrClosed:   batching.ErrClosed,
	} {
		if errors.Is(err, ours) {
			return fmt.Errorf("%w: %w", theirs, err)
		}
	}
	return err
}
