package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"millrace/app"
)

const (
	// Looks come one after another. The lock is taken before the first look at
	// the data, with which the moment begins.
	lockLook = "LOCK TABLE ledger_looked IN SHARE ROW EXCLUSIVE MODE"

	// No transaction below the horizon is still running, so no batch can come
	// there any more. Where the last look had a later one, this is another server
	// with a copy of the database, whose transactions are numbered anew.
	selectLooked = `
		SELECT transaction, number, transaction >= horizon, horizon FROM ledger_looked, pg_snapshot_xmin(pg_current_snapshot()) AS horizon`

	selectCovered = "SELECT shipper, accepted, numbers, doubled FROM ledger_covered"

	// In the order of transactions, by the index: those before the horizon, of
	// which it reads $4 at the most, and those behind it.
	selectNew = `
		SELECT transaction, number, shipper, another, first_seq, last_seq, coalesce(accepted, 0) FROM ledger
		WHERE (transaction, number) > ($1, $2) AND transaction < $3 ORDER BY transaction, number LIMIT $4`
	selectLate = `
		SELECT transaction, number, shipper, another, first_seq, last_seq, coalesce(accepted, 0) FROM ledger
		WHERE transaction >= $1 ORDER BY transaction, number`

	updateCovered = `
		INSERT INTO ledger_covered (shipper, accepted, numbers, doubled) VALUES ($1, $2, $3, $4)
		ON CONFLICT (shipper) DO UPDATE SET accepted = $2, numbers = $3, doubled = $4`

	selectDeliveredAgain = "SELECT shipper, sum(duplicates) FROM ledger WHERE duplicates > 0 GROUP BY shipper"

	selectSetAside = "SELECT shipper, first_seq, last_seq FROM quarantine WHERE NOT another"

	selectSettling = `
		SELECT shipper, first_seq FROM ledger JOIN unnest($1::text[], $2::bigint[]) AS behind (shipper, first_seq) USING (shipper, first_seq)
		WHERE stored_at > clock_timestamp() - make_interval(secs => $3)`
)

// lookPage is how many batches are read at once, and told of in one transaction:
// a tenth of a second's work. A variable for tests.
var lookPage = 20_000

// Look implements app.LedgerLooker.
func (l *Ledger) Look(ctx context.Context, settle time.Duration) (state app.LedgerState, err error) {
	for more := true; more && err == nil; {
		err = pgx.BeginTxFunc(ctx, l.db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
			look := &look{tx: tx, covered: map[string]*covered{}}
			if more, err = look.readNew(ctx); err != nil || more {
				return err
			}
			state, err = look.state(ctx, settle)
			return err
		})
	}
	return state, classify(ctx, err)
}

// look is one look, in one transaction.
type look struct {
	tx      pgx.Tx
	covered map[string]*covered // by shipper
}

// covered is what is known of a shipper's batches.
type covered struct {
	accepted         uint64
	numbers, doubled app.RangeSet
	changed          bool
}

// readNew reads what was stored since the last look, and keeps what it makes of
// it for the next. With more, there may be more of it.
func (l *look) readNew(ctx context.Context) (more bool, err error) {
	if _, err := l.tx.Exec(ctx, lockLook); err != nil {
		return false, err
	}
	var transaction, horizon uint64
	var number int64
	var copied bool
	if err := l.tx.QueryRow(ctx, selectLooked).Scan(&transaction, &number, &copied, &horizon); err != nil {
		return false, err
	}
	if copied {
		transaction, number = 0, 0
		if _, err := l.tx.Exec(ctx, "DELETE FROM ledger_covered"); err != nil {
			return false, err
		}
	}
	if err := l.readCovered(ctx); err != nil {
		return false, err
	}
	read, err := l.cover(ctx, &transaction, &number, selectNew, transaction, number, horizon, lookPage)
	if err != nil {
		return false, err
	}
	if read > 0 || copied {
		if err := l.keep(ctx, transaction, number); err != nil {
			return false, err
		}
	}
	if read == lookPage {
		return true, nil
	}
	// These are read again, until every transaction before them is over.
	_, err = l.cover(ctx, &transaction, &number, selectLate, horizon)
	return false, err
}

func (l *look) readCovered(ctx context.Context) error {
	rows, err := l.tx.Query(ctx, selectCovered)
	if err != nil {
		return err
	}
	var shipper string
	var accepted uint64
	var numbers, doubled pgtype.Multirange[pgtype.Range[int64]]
	_, err = pgx.ForEachRow(rows, []any{&shipper, &accepted, &numbers, &doubled}, func() error {
		l.covered[shipper] = &covered{accepted: accepted, numbers: setOf(numbers), doubled: setOf(doubled)}
		return nil
	})
	return err
}

// cover adds the batches that a statement selects, and notes the place of the
// last.
func (l *look) cover(ctx context.Context, transaction *uint64, number *int64, statement string, args ...any) (read int, err error) {
	rows, err := l.tx.Query(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	var shipper string
	var another bool
	var run app.Range
	var accepted uint64
	_, err = pgx.ForEachRow(rows, []any{transaction, number, &shipper, &another, &run.From, &run.To, &accepted}, func() error {
		read++
		if another {
			return nil // its offsets are no sequence
		}
		c := l.of(shipper)
		c.accepted, c.changed = max(c.accepted, accepted), true
		for _, twice := range c.numbers.Add(run) {
			c.doubled.Add(twice)
		}
		return nil
	})
	return read, err
}

func (l *look) of(shipper string) *covered {
	c := l.covered[shipper]
	if c == nil {
		c = &covered{}
		l.covered[shipper] = c
	}
	return c
}

// keep keeps what is covered up to a place.
func (l *look) keep(ctx context.Context, transaction uint64, number int64) error {
	kept := &pgx.Batch{}
	for shipper, c := range l.covered {
		if c.changed {
			kept.Queue(updateCovered, shipper, c.accepted, multirangeOf(c.numbers), multirangeOf(c.doubled))
		}
	}
	kept.Queue("UPDATE ledger_looked SET transaction = $1, number = $2", transaction, number)
	return l.tx.SendBatch(ctx, kept).Close()
}

// state sums up what is covered, and what is in quarantine.
func (l *look) state(ctx context.Context, settle time.Duration) (app.LedgerState, error) {
	shippers := ledgerShippers{}
	for shipper, c := range l.covered {
		s := shippers.of(shipper)
		s.Accepted, s.Reach, s.Overlaps = c.accepted, c.numbers.Last(), app.RangesOf(c.doubled.Runs())
	}
	if err := l.readDeliveredAgain(ctx, shippers); err != nil {
		return app.LedgerState{}, err
	}
	if err := readQuarantined(ctx, l.tx, app.LedgerQuery{}, shippers.of); err != nil {
		return app.LedgerState{}, err
	}
	// From here on what is covered is that of the quarantine, too.
	if err := l.readSetAside(ctx); err != nil {
		return app.LedgerState{}, err
	}
	if err := l.readHoles(ctx, settle, shippers); err != nil {
		return app.LedgerState{}, err
	}
	return app.LedgerState{Shippers: shippers.inOrder()}, nil
}

func (l *look) readDeliveredAgain(ctx context.Context, shippers ledgerShippers) error {
	rows, err := l.tx.Query(ctx, selectDeliveredAgain)
	if err != nil {
		return err
	}
	var shipper string
	var duplicates uint64
	_, err = pgx.ForEachRow(rows, []any{&shipper, &duplicates}, func() error {
		shippers.of(shipper).Duplicates = duplicates
		return nil
	})
	return err
}

func (l *look) readSetAside(ctx context.Context) error {
	rows, err := l.tx.Query(ctx, selectSetAside)
	if err != nil {
		return err
	}
	var shipper string
	var run app.Range
	_, err = pgx.ForEachRow(rows, []any{&shipper, &run.From, &run.To}, func() error {
		l.of(shipper).numbers.Add(run)
		return nil
	})
	return err
}

// readHoles tells gaps from numbers that are only late: before a batch that was
// stored just now.
func (l *look) readHoles(ctx context.Context, settle time.Duration, shippers ledgerShippers) error {
	var names []string
	var behind []int64
	holes := map[string][]app.Range{}
	for shipper, c := range l.covered {
		holes[shipper] = c.numbers.Holes()
		for _, hole := range holes[shipper] {
			names, behind = append(names, shipper), append(behind, int64(hole.To+1))
		}
	}
	if len(names) == 0 {
		return nil
	}
	rows, err := l.tx.Query(ctx, selectSettling, names, behind, settle.Seconds())
	if err != nil {
		return err
	}
	type batch struct {
		shipper string
		first   uint64
	}
	var b batch
	late := map[batch]bool{}
	if _, err := pgx.ForEachRow(rows, []any{&b.shipper, &b.first}, func() error { late[b] = true; return nil }); err != nil {
		return err
	}
	for shipper, all := range holes {
		var gaps, settling []app.Range
		for _, hole := range all {
			if late[batch{shipper, hole.To + 1}] {
				settling = append(settling, hole)
			} else {
				gaps = append(gaps, hole)
			}
		}
		s := shippers.of(shipper)
		s.Gaps, s.Settling = app.RangesOf(gaps), app.RangesOf(settling)
	}
	return nil
}

// setOf reads an int8multirange, whose ranges are without their upper ends.
func setOf(ranges pgtype.Multirange[pgtype.Range[int64]]) (set app.RangeSet) {
	for _, r := range ranges {
		set.Add(app.Range{From: uint64(r.Lower), To: uint64(r.Upper) - 1})
	}
	return set
}

func multirangeOf(set app.RangeSet) pgtype.Multirange[pgtype.Range[int64]] {
	ranges := make(pgtype.Multirange[pgtype.Range[int64]], 0, len(set.Runs()))
	for _, r := range set.Runs() {
		ranges = append(ranges, pgtype.Range[int64]{
			Lower: int64(r.From), LowerType: pgtype.Inclusive, Upper: int64(r.To) + 1, UpperType: pgtype.Exclusive, Valid: true,
		})
	}
	return ranges
}
