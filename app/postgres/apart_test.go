package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"millrace/app"
	"millrace/app/postgres"
)

// forbidding is a store whose operator forbids logs with a trace id that begins
// with dead. Such a log cannot be repaired: no text of it is at fault.
func forbidding(t *testing.T) (*postgres.DB, string) {
	t.Helper()
	at := newURL(t)
	db := open(t, at)
	exec(t, connect(t, at), `ALTER TABLE logs ADD CONSTRAINT no_dead CHECK (substring(trace_id FOR 2) <> '\xdead')`)
	return db, at
}

// mixed makes n logs, of which those at the places are forbidden.
func mixed(n int, places ...int) []app.Log {
	made := logs(n)
	for _, place := range places {
		made[place].TraceID = "dead"
	}
	return made
}

func TestALogThatIsRefusedForGoodIsQuarantinedAlone(t *testing.T) {
	for name, c := range map[string]struct {
		n      int
		places []int
	}{
		"one in the midst":  {100, []int{41}},
		"the first":         {100, []int{0}},
		"the last":          {100, []int{99}},
		"two beside":        {100, []int{7, 8}},
		"all but one":       {20, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}},
		"one of two":        {2, []int{1}},
		"more than a dozen": {300, []int{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			db, at := forbidding(t)
			b := batch("k3v9", 11, mixed(c.n, c.places...)...)
			receipt, err := db.Store().Store(t.Context(), b)
			if err != nil || receipt.Stored != c.n-len(c.places) || receipt.Apart != len(c.places) {
				t.Fatalf("%+v, %v", receipt, err)
			}
			if again, err := db.Store().Store(t.Context(), b); err != nil || !again.Duplicate {
				t.Errorf("again: %+v, %v", again, err)
			}
			conn := connect(t, at)
			if n := count(t, conn, "SELECT count(*) FROM logs"); n != receipt.Stored {
				t.Errorf("%d logs are stored", n)
			}
			items, err := db.Quarantine().Items(t.Context(), app.QuarantineQuery{Limit: 1000})
			if err != nil || len(items.Items) != len(c.places) {
				t.Fatalf("%d items, %v", len(items.Items), err)
			}
			for _, item := range items.Items {
				detail, err := db.Quarantine().Item(t.Context(), item.ID)
				if err != nil || item.Batch != "k3v9-11" || item.Count != 1 || item.Tries != 1 || item.Stage != app.StageStore ||
					!strings.Contains(item.Error, "no_dead") || string(detail.Payload) != fmt.Sprint(item.First-11) || len(detail.History) != 1 {
					t.Errorf("%+v, %v", detail, err)
				}
			}
			got := report(t, db, "k3v9")
			if got.Stored != uint64(receipt.Stored) || got.Quarantined != uint64(receipt.Apart) || got.Gaps.Logs != 10 || got.Pending != 0 {
				t.Errorf("%+v", got)
			}
			exec(t, conn, "DELETE FROM quarantine_events; UPDATE ledger SET first_seq = 1; UPDATE quarantine SET first_seq = first_seq - 10")
			if v, found := verify(t, db, ""); !v.Whole || v.Rows != uint64(receipt.Stored) {
				t.Errorf("%q", found)
			}
			exec(t, conn, "DELETE FROM quarantine WHERE id = (SELECT min(id) FROM quarantine)")
			if v, found := verify(t, db, ""); v.Whole || v.Missing != 1 {
				t.Errorf("without an item: %q", found)
			}
		})
	}
}

// Alike logs at two places are two items, of another producer's batch, too.
func TestLogsThatAreAlikeAreQuarantinedEach(t *testing.T) {
	db, _ := forbidding(t)
	log := logAt(0, "alike")
	log.TraceID = "dead"
	foreign := batch("logs.0", 17, log, logAt(0, "good"), log)
	foreign.Foreign = true
	if receipt, err := db.Store().Store(t.Context(), foreign); err != nil || receipt.Stored != 1 || receipt.Apart != 2 {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if got := report(t, db, "logs.0"); got.Accepted != 3 || got.Stored != 1 || got.Quarantined != 2 {
		t.Errorf("%+v", got)
	}
	if v, found := verify(t, db, ""); !v.Whole {
		t.Errorf("%q", found)
	}
}

// A batch of which nothing can be stored is one item, and none of the store's.
func TestABatchThatIsRefusedAsAWholeIsLeftToTheCaller(t *testing.T) {
	db, at := forbidding(t)
	for _, n := range []int{1, 3} {
		b := batch("k3v9", 1, mixed(n, []int{0, 1, 2}[:n]...)...)
		if _, err := db.Store().Store(t.Context(), b); !app.Permanent(err) {
			t.Errorf("got %v", err)
		}
	}
	alone := batch("k3v9", 1, mixed(3, 1)...)
	alone.One = nil
	if _, err := db.Store().Store(t.Context(), alone); !app.Permanent(err) {
		t.Errorf("got %v", err)
	}
	if n := count(t, connect(t, at), "SELECT (SELECT count(*) FROM ledger) + (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM logs)"); n != 0 {
		t.Errorf("%d rows stayed behind", n)
	}
}

// What is checked at the commit alone, and so names no log, is found too.
func TestALogThatIsRefusedAtTheCommitIsFound(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	exec(t, conn, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.message = '7' OR NEW.message = '7 is bad' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation', CONSTRAINT = 'own'; END IF; RETURN NULL; END $$`)
	exec(t, conn, "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON logs_outside DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()")
	made := logs(20)
	for i := range made {
		made[i].Time = now.AddDate(-3, 0, 0) // none has a day of its own
	}
	receipt, err := db.Store().Store(t.Context(), batch("k3v9", 1, made...))
	if err != nil || receipt.Stored != 19 || receipt.Apart != 1 {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if v, found := verify(t, db, ""); !v.Whole {
		t.Errorf("%q", found)
	}
}

// A log that armour alone makes storable is stored, however many there are, and
// its neighbours stay as they are.
func TestArmourIsForThoseThatNeedItAlone(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	exec(t, conn, "ALTER TABLE logs ADD CONSTRAINT plain CHECK (message !~ '[é]')")
	made := logs(60)
	for i := range made {
		made[i].Message = []string{"plain à", "é"}[i%2]
	}
	receipt, err := db.Store().Store(t.Context(), batch("k3v9", 1, made...))
	if err != nil || receipt.Stored != 60 || receipt.Apart != 0 || receipt.Repaired != 30 {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if n := count(t, conn, "SELECT count(*) FROM logs WHERE message = 'plain à' AND attributes IS NULL"); n != 30 {
		t.Errorf("%d of the neighbours are as they were", n)
	}
}
