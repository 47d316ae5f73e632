package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// Ledger reads the ledger. It implements app.LedgerReader.
type Ledger struct{ db *DB }

// Ledger returns the ledger.
func (db *DB) Ledger() *Ledger { return &Ledger{db: db} }

// oneMoment reads everything in one state of the database. Such a transaction
// writes nothing and so has no number of its own: the events of the outbox,
// which wait for older transactions, do not wait for it.
var oneMoment = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// Ledger implements app.LedgerReader.
func (l *Ledger) Ledger(ctx context.Context, query app.LedgerQuery) (state app.LedgerState, err error) {
	err = pgx.BeginTxFunc(ctx, l.db.pool, oneMoment, func(tx pgx.Tx) error {
		state, err = readLedger(ctx, tx, query)
		return err
	})
	return state, classify(ctx, err)
}

// $1 is a shipper, or empty for all.
const (
	selectShippers = `
		SELECT shipper, bool_or(another), count(*), sum(stored), max(last_seq), coalesce(max(accepted), 0), sum(duplicates),
			min(stored_at), max(stored_at),
			count(*) FILTER (WHERE first_time < kept AND stored > outside),
			coalesce(sum(stored - outside) FILTER (WHERE first_time < kept), 0)
		FROM ledger, logs_kept_from() AS kept
		WHERE $1 = '' OR shipper = $1
		GROUP BY shipper`

	// Numbers count once: as stored if they are, else as held, else as replayed.
	// Of a batch in the ledger the numbers of those logs that it was stored
	// without are not stored. Another producer's items count as they are, but for
	// those whose record was stored after all.
	selectQuarantine = `
		WITH items AS (
			SELECT shipper, another, state, first_seq, last_seq, count, batch, int8range(first_seq, last_seq, '[]') AS numbers, EXISTS (
				SELECT FROM ledger l WHERE q.another AND q.batch IS NULL AND l.shipper = q.shipper AND l.first_seq = q.first_seq) AS there
			FROM quarantine q WHERE $1 = '' OR shipper = $1
		), beside AS (
			SELECT i.shipper, range_agg(int8range(l.first_seq, l.last_seq, '[]')) AS numbers
			FROM items i CROSS JOIN LATERAL (
				SELECT first_seq, last_seq FROM ledger WHERE shipper = i.shipper AND first_seq BETWEEN i.first_seq AND i.last_seq
				UNION ALL (
					SELECT first_seq, last_seq FROM ledger WHERE shipper = i.shipper AND first_seq < i.first_seq
					ORDER BY first_seq DESC LIMIT 1)) l
			WHERE NOT i.another AND i.batch IS NULL
			GROUP BY i.shipper
		), sets AS (
			SELECT shipper, bool_or(another) AS another, max(last_seq) AS reach,
				coalesce(range_agg(numbers) FILTER (WHERE NOT another AND batch IS NOT NULL), '{}') AS apart,
				coalesce(range_agg(numbers) FILTER (WHERE NOT another AND state IN ('held', 'replaying')), '{}') AS held,
				coalesce(range_agg(numbers) FILTER (WHERE NOT another AND state = 'replayed'), '{}') AS replayed,
				coalesce(range_agg(numbers) FILTER (WHERE NOT another AND state = 'discarded'), '{}') AS discarded,
				coalesce(sum(count) FILTER (WHERE another AND NOT there AND state IN ('held', 'replaying')), 0) AS others_held,
				coalesce(sum(count) FILTER (WHERE another AND NOT there AND state = 'replayed'), 0) AS others_replayed,
				coalesce(sum(count) FILTER (WHERE another AND NOT there AND state = 'discarded'), 0) AS others_discarded
			FROM items GROUP BY shipper
		), counted AS (
			SELECT s.*, coalesce(b.numbers, '{}') - s.apart AS stored FROM sets s LEFT JOIN beside b USING (shipper)
		)
		SELECT shipper, another, reach, others_held + numbers_in(held - stored),
			others_replayed + numbers_in(replayed - stored - held),
			others_discarded + numbers_in(discarded - stored - held - replayed)
		FROM counted`

	// What is covered, in the order of the numbers: a gap is where a run begins
	// beyond all that came before, an overlap where a batch begins within a
	// batch that came before. It walks the ledger once: 1.6 s for a million
	// batches on two cores.
	selectHoles = `
		WITH covered AS (
			SELECT shipper, first_seq, last_seq, true AS stored, stored_at FROM ledger
			WHERE NOT another AND ($1 = '' OR shipper = $1)
			UNION ALL
			SELECT shipper, first_seq, last_seq, false, NULL FROM quarantine
			WHERE NOT another AND ($1 = '' OR shipper = $1)
		), reached AS (
			SELECT shipper, first_seq, last_seq, stored, stored_at,
				coalesce(max(last_seq) OVER before, 0) AS reach,
				coalesce(max(last_seq) FILTER (WHERE stored) OVER before, 0) AS stored_reach
			FROM covered
			WINDOW before AS (PARTITION BY shipper ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
		), holes AS (
			SELECT shipper, CASE WHEN stored_at > clock_timestamp() - make_interval(secs => $3) THEN 'settling' ELSE 'gap' END AS kind,
				reach + 1 AS low, first_seq - 1 AS high
			FROM reached WHERE first_seq > reach + 1
			UNION ALL
			SELECT shipper, 'overlap', lower(twice), upper(twice) - 1 FROM (
				SELECT shipper, unnest(range_agg(int8range(first_seq, least(last_seq, stored_reach), '[]'))) AS twice
				FROM reached WHERE stored AND first_seq <= stored_reach GROUP BY shipper) doubled
		), numbered AS (
			SELECT *, row_number() OVER (PARTITION BY shipper, kind ORDER BY low),
				count(*) OVER (PARTITION BY shipper, kind), (sum(high - low + 1) OVER (PARTITION BY shipper, kind))::bigint AS logs
			FROM holes
		)
		SELECT shipper, kind, low, high, count, logs FROM numbered WHERE row_number <= $2
		ORDER BY shipper, kind, low`
)

// readLedger reads every shipper, or one, those first that stored last.
func readLedger(ctx context.Context, tx pgx.Tx, query app.LedgerQuery) (app.LedgerState, error) {
	found := ledgerShippers{}
	var state app.LedgerState
	if err := readKeptFrom(ctx, tx, &state.KeptFrom); err != nil {
		return state, err
	}
	for _, read := range []func(context.Context, pgx.Tx, app.LedgerQuery, func(string) *app.ShipperLedger) error{readShippers, readQuarantined, readHoles} {
		if err := read(ctx, tx, query, found.of); err != nil {
			return state, err
		}
	}
	state.Shippers = found.inOrder()
	return state, nil
}

// ledgerShippers are what is known of shippers, by their names.
type ledgerShippers map[string]*app.ShipperLedger

func (l ledgerShippers) of(name string) *app.ShipperLedger {
	s := l[name]
	if s == nil {
		none := app.RangesOf(nil)
		s = &app.ShipperLedger{Shipper: name, Gaps: none, Settling: none, Overlaps: none}
		l[name] = s
	}
	return s
}

// inOrder returns them, those first that stored last.
func (l ledgerShippers) inOrder() []app.ShipperLedger {
	shippers := make([]app.ShipperLedger, 0, len(l))
	for _, s := range l {
		shippers = append(shippers, *s)
	}
	slices.SortFunc(shippers, func(a, b app.ShipperLedger) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), strings.Compare(a.Shipper, b.Shipper))
	})
	return shippers
}

func readKeptFrom(ctx context.Context, tx pgx.Tx, into *time.Time) error {
	var from *time.Time
	err := tx.QueryRow(ctx, "SELECT logs_kept_from()").Scan(&from)
	if from != nil {
		*into = from.UTC()
	}
	return err
}

func readShippers(ctx context.Context, tx pgx.Tx, query app.LedgerQuery, shipper func(string) *app.ShipperLedger) error {
	rows, err := tx.Query(ctx, selectShippers, query.Shipper)
	if err != nil {
		return err
	}
	var s app.ShipperLedger
	_, err = pgx.ForEachRow(rows, []any{
		&s.Shipper, &s.Foreign, &s.Batches, &s.Stored, &s.Reach, &s.Accepted, &s.Duplicates, &s.FirstSeen, &s.LastSeen,
		&s.Unchecked.Batches, &s.Unchecked.Logs,
	}, func() error {
		into := shipper(s.Shipper)
		s.Gaps, s.Settling, s.Overlaps = into.Gaps, into.Settling, into.Overlaps
		s.FirstSeen, s.LastSeen = s.FirstSeen.UTC(), s.LastSeen.UTC()
		*into = s
		return nil
	})
	return err
}

func readQuarantined(ctx context.Context, tx pgx.Tx, query app.LedgerQuery, shipper func(string) *app.ShipperLedger) error {
	rows, err := tx.Query(ctx, selectQuarantine, query.Shipper)
	if err != nil {
		return err
	}
	var name string
	var foreign bool
	var reach, held, replayed, discarded uint64
	_, err = pgx.ForEachRow(rows, []any{&name, &foreign, &reach, &held, &replayed, &discarded}, func() error {
		s := shipper(name)
		s.Reach = max(s.Reach, reach)
		s.Foreign = s.Foreign || foreign
		s.Quarantined, s.Replayed, s.Discarded = held, replayed, discarded
		return nil
	})
	return err
}

func readHoles(ctx context.Context, tx pgx.Tx, query app.LedgerQuery, shipper func(string) *app.ShipperLedger) error {
	rows, err := tx.Query(ctx, selectHoles, query.Shipper, app.MaxListed, query.Settle.Seconds())
	if err != nil {
		return err
	}
	var name, kind string
	var r app.Range
	var count, logs uint64
	_, err = pgx.ForEachRow(rows, []any{&name, &kind, &r.From, &r.To, &count, &logs}, func() error {
		s := shipper(name)
		into := map[string]*app.Ranges{"gap": &s.Gaps, "settling": &s.Settling, "overlap": &s.Overlaps}[kind]
		into.Count, into.Logs = count, logs
		into.First = append(into.First, r)
		return nil
	})
	return err
}
