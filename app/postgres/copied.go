package postgres

import (
	"context"
	"database/sql"
)

const (
	// Transactions that this server has not begun yet cannot have written
	// anything: what they are said to have written was copied from another server,
	// as a dump is.
	selectAhead = `
		SELECT coalesce((SELECT transaction >= next FROM ledger ORDER BY transaction DESC, number DESC LIMIT 1), false)
			OR EXISTS (SELECT FROM watermill_offsets_stored WHERE last_processed_transaction_id >= next)
			OR EXISTS (SELECT FROM watermill_offsets_replay WHERE last_processed_transaction_id >= next)
		FROM pg_snapshot_xmax(pg_current_snapshot()) AS next`

	// All of it becomes the oldest there is. What was told of stored batches need
	// not be told again; what is to be replayed and was not yet, is.
	settleCopied = `
		UPDATE ledger SET transaction = '3' WHERE transaction >= pg_snapshot_xmax(pg_current_snapshot());
		DELETE FROM watermill_stored;
		DELETE FROM watermill_replay r USING watermill_offsets_replay o
			WHERE (r.transaction_id, r."offset") <= (o.last_processed_transaction_id, o.offset_acked);
		UPDATE watermill_replay SET transaction_id = '3';
		UPDATE watermill_offsets_stored SET offset_acked = 0, last_processed_transaction_id = '0';
		UPDATE watermill_offsets_replay SET offset_acked = 0, last_processed_transaction_id = '0'`
)

// settle makes a copy of a database from another server usable: events are
// handed out, and the ledger is read, in the order of transactions, which every
// server numbers for itself. In any other database it changes nothing.
func settle(ctx context.Context, db *sql.DB) error {
	var ahead bool
	if err := db.QueryRowContext(ctx, selectAhead).Scan(&ahead); err != nil || !ahead {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// Those who come at the same time do it one after another.
	if _, err := tx.ExecContext(ctx, "LOCK TABLE ledger IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, selectAhead).Scan(&ahead); err != nil || !ahead {
		return err
	}
	if _, err := tx.ExecContext(ctx, settleCopied); err != nil {
		return err
	}
	return tx.Commit()
}
