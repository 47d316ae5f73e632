package postgres_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"millrace/app"
	"millrace/app/postgres"
	"millrace/app/postgres/storetest"
)

func TestIsALedgerLooker(t *testing.T) {
	postgres.SetLookPage(t, 7)
	urls := map[string]string{}
	storetest.TestLedgerLooker(t, func(t testing.TB, database string) (app.BatchStore, storetest.Ledger) {
		if urls[database] == "" {
			urls[database] = newURL(t)
		}
		db := open(t, urls[database])
		return db.Store(), db.Ledger()
	})
}

// look returns what a look tells of one shipper.
func look(t *testing.T, db *postgres.DB, shipper string) app.ShipperLedger {
	t.Helper()
	state, err := db.Ledger().Look(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(state.Shippers, func(s app.ShipperLedger) bool { return s.Shipper == shipper })
	if at < 0 {
		t.Fatalf("nothing is told of %s: %+v", shipper, state.Shippers)
	}
	return state.Shippers[at]
}

// rowsRead returns how many rows of the ledger every statement that is over has
// read, by index or not.
func rowsRead(t *testing.T, at string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	eventually(t, func() bool { // what a connection did is counted by its end
		return count(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'") == 0
	})
	return count(t, conn, "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'ledger'")
}

// However many batches there are, a look reads those that are new, also when it
// is the first of a process.
func TestALookReadsOnlyWhatIsNew(t *testing.T) {
	const batches = 30_000
	at := newURL(t)
	reading := func(do func(db *postgres.DB)) int {
		before := rowsRead(t, at)
		db, err := postgres.Open(t.Context(), postgres.Config{URL: at, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		do(db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return rowsRead(t, at) - before
	}
	open(t, at).Close()
	conn := connect(t, at)
	exec(t, conn, `INSERT INTO ledger (shipper, first_seq, count, stored, another, topic, kafka_partition, kafka_offset, first_time, last_time)
		SELECT 'k3v9', 1 + 10 * n, CASE WHEN n % 1000 = 500 THEN 9 ELSE 10 END, 1, false, 'logs', 0, n, now(), now() FROM generate_series(0, $1::integer - 1) n`, batches)
	exec(t, conn, "VACUUM ANALYZE ledger")
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if read := reading(func(db *postgres.DB) {
		if got := look(t, db, "k3v9"); got.Gaps.Count != batches/1000 || got.Reach != 10*batches {
			t.Errorf("%+v", got)
		}
	}); read < batches {
		t.Errorf("of %d batches it read %d: this test counts wrong", batches, read)
	}
	if read := reading(func(db *postgres.DB) {
		store(t, db, batch("k3v9", 10*batches+3, logs(2)...), batch("k3v9", 5010, logs(1)...), batch("k3v9", 10*batches, logs(2)...))
		if got := look(t, db, "k3v9"); got.Gaps.Count != batches/1000 || got.Gaps.Logs != batches/1000 ||
			got.Overlaps.Logs != 1 || got.Overlaps.First[0] != (app.Range{From: 10 * batches, To: 10 * batches}) || got.Reach != 10*batches+4 {
			t.Errorf("%+v", got)
		}
	}); read > 3*batches/1000+50 { // each gap is asked for, whether it is late
		t.Errorf("for 3 new batches it read %d of the ledger's %d rows", read, batches)
	}
}

// A batch may be stored by a transaction that is older than those of batches
// that were read before it.
func TestALookMissesNoLateTransaction(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	exec(t, conn, "BEGIN")
	exec(t, conn, "SELECT pg_current_xact_id()")
	store(t, db, batch("k3v9", 1, logs(2)...), batch("k3v9", 5, logs(2)...))
	for range 2 {
		if got := look(t, db, "k3v9"); got.Gaps.Logs != 2 || got.Reach != 6 || got.Overlaps.Count != 0 {
			t.Errorf("while it runs: %+v", got)
		}
	}
	exec(t, conn, `INSERT INTO ledger (shipper, first_seq, count, stored, another, topic, kafka_partition, kafka_offset, first_time, last_time)
		VALUES ('k3v9', 3, 3, 3, false, 'logs', 0, 9, now(), now())`)
	exec(t, conn, "COMMIT")
	for range 2 {
		if got := look(t, db, "k3v9"); got.Gaps.Logs != 0 || got.Reach != 6 || got.Overlaps.Logs != 1 {
			t.Errorf("when it is over: %+v", got)
		}
	}
}

// A copy of the database on another server has transactions that are numbered
// anew.
func TestALookBeginsAnewInACopy(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	store(t, db, batch("k3v9", 1, logs(2)...), batch("k3v9", 5, logs(2)...))
	if got := look(t, db, "k3v9"); got.Gaps.Logs != 2 {
		t.Errorf("%+v", got)
	}
	exec(t, connect(t, at), "UPDATE ledger_looked SET transaction = '4611686018427387904'")
	store(t, db, batch("k3v9", 3, logs(1)...))
	for range 2 {
		if got := look(t, db, "k3v9"); got.Gaps.Logs != 1 || got.Reach != 6 || got.Overlaps.Count != 0 {
			t.Errorf("in the copy: %+v", got)
		}
	}
}
