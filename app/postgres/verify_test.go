package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
)

// verify returns what a verification says and what it found, in words.
func verify(t testing.TB, db *postgres.DB, shipper string) (app.Verification, []string) {
	t.Helper()
	var findings []string
	v, err := db.Ledger().Verify(t.Context(), app.LedgerQuery{Shipper: shipper}, app.VerifyReport{
		Finding: func(f app.Finding) error { findings = append(findings, f.String()); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(findings)
	return v, findings
}

const day = 24 * time.Hour

// Each case does something behind the ledger's back.
func TestVerifyNamesWhatIsNotAsItMustBe(t *testing.T) {
	drop := func(ago time.Duration) string { return "DROP TABLE " + now.Add(-ago).Format("logs_2006_01_02") }
	for name, c := range map[string]struct {
		do        []string
		missing   uint64
		surplus   uint64
		unchecked uint64
		found     []string
	}{
		"nothing": {},
		"a row is deleted": {
			do: []string{"DELETE FROM logs WHERE message = 'b3'"}, missing: 1,
			found: []string{"missing: shipper k3v9, 4-6: 1 log of batch k3v9-4 (6)"},
		},
		"rows are deleted": {
			do: []string{"DELETE FROM logs WHERE message IN ('a1', 'a3', 'b1', 'b2', 'b3')"}, missing: 5,
			found: []string{"missing: shipper k3v9, 1-3: 2 logs of batch k3v9-1 (1, 3)", "missing: shipper k3v9, 4-6: 3 logs of batch k3v9-4 (4-6)"},
		},
		"a row of another producer is deleted": {
			do: []string{"DELETE FROM logs WHERE message = 'f2'"}, missing: 1,
			found: []string{"missing: shipper logs.0, 17: 1 log of batch logs.0-17"},
		},
		"a row whose day has no partition is deleted": {
			do: []string{"DELETE FROM logs WHERE message = 'old'"}, missing: 1,
			found: []string{"missing: shipper k3v9, 7-9: 1 log of batch k3v9-7 (7)"},
		},
		"a row is there twice": {
			do: []string{"INSERT INTO logs SELECT * FROM logs WHERE message = 'b2'"}, surplus: 1,
			found: []string{"twice: shipper k3v9, 4-6: 1 log of batch k3v9-4 (5)"},
		},
		"a row is there instead of another": {
			do: []string{"UPDATE logs SET id = id + 1 WHERE message = 'b2'"}, missing: 1, surplus: 1,
			found: []string{"missing: shipper k3v9, 4-6: logs of batch k3v9-4 (5); others are there twice"},
		},
		"a row of the ledger is deleted": {
			do: []string{"DELETE FROM ledger WHERE shipper = 'k3v9' AND first_seq = 4"}, missing: 3, surplus: 3,
			found: []string{"missing: shipper k3v9, 4-6: 3 logs that no batch has", "stray: 3 logs of batch number 2, which the ledger does not know"},
		},
		"a batch is stored with too few logs": {
			do: []string{"UPDATE ledger SET stored = 2 WHERE first_seq = 4", "DELETE FROM logs WHERE message = 'b3'"}, missing: 1,
			found: []string{"missing: shipper k3v9, 4-6: 1 log of batch k3v9-4 that were neither stored nor quarantined"},
		},
		"a log of a batch is quarantined alone": {
			do: []string{"UPDATE ledger SET stored = 2 WHERE first_seq = 4", "DELETE FROM logs WHERE message = 'b3'",
				"INSERT INTO quarantine (shipper, first_seq, count, batch) VALUES ('k3v9', 6, 1, 2)"},
		},
		"the oldest day is dropped": {
			do: []string{drop(9 * day)}, unchecked: 2,
			found: []string{"unchecked: shipper k3v9, 10-12: 2 logs of batch k3v9-10, whose days were dropped"},
		},
		"a day in between is dropped": {
			do: []string{drop(5 * day)}, missing: 1,
			found: []string{"missing: shipper k3v9, 13: 1 log of batch k3v9-13 (13)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := newURL(t)
			db := open(t, at)
			conn := connect(t, at)
			foreign := batch("logs.0", 17, logAt(0, "f1"), logAt(0, "f2"))
			foreign.Foreign = true
			store(t, db,
				batch("k3v9", 1, logAt(0, "a1"), logAt(0, "a2"), logAt(0, "a3")),
				batch("k3v9", 4, logAt(0, "b1"), logAt(0, "b2"), logAt(0, "b3")),
				batch("k3v9", 7, logAt(9999*day, "old"), logAt(9998*day, "older"), logAt(-99*day, "ahead")),
				batch("k3v9", 10, logAt(9*day, "c1"), logAt(9*day, "c2"), logAt(0, "c3")),
				batch("k3v9", 13, logAt(5*day, "d1")),
				batch("else", 1, logAt(0, "e1")),
				foreign)
			for _, statement := range c.do {
				exec(t, conn, statement)
			}
			got, found := verify(t, db, "")
			if !slices.Equal(found, c.found) {
				t.Errorf("found %q\nwant  %q", found, c.found)
			}
			if got.Missing != c.missing || got.Surplus != c.surplus || got.Unchecked.Logs != c.unchecked || got.Whole != (c.missing+c.surplus == 0) {
				t.Errorf("%+v", got)
			}
			if other, _ := verify(t, db, "else"); !other.Whole || other.Batches != 1 || other.Rows != 1 {
				t.Errorf("another shipper: %+v", other)
			}
		})
	}
}

func TestVerifyHandsOutTheFirstFindingsAndCountsAll(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	exec(t, connect(t, at), `INSERT INTO ledger (shipper, first_seq, count, stored, another, topic, kafka_partition, kafka_offset, first_time, last_time)
		SELECT 'k3v9', 1 + 3 * n, 2, 2, false, 'logs', 0, n, now(), now() FROM generate_series(0, 500) n`)
	got, found := verify(t, db, "")
	if got.Missing != 500+1002 || got.Findings[app.FindGap] != 500 || got.Findings[app.FindMissing] != 501 || len(found) != 2*app.MaxListed {
		t.Errorf("%d missing, %v, %d handed out", got.Missing, got.Findings, len(found))
	}
}

// A verification reads one state: what is stored meanwhile does not confuse it,
// and it holds nothing up.
func TestVerifyStandsBesideTheStore(t *testing.T) {
	db := newDB(t)
	store(t, db, batch("k3v9", 1, logs(100)...))
	events := subscribe(t, t.Context(), db)
	receive(t, events)
	first := uint64(101)
	v, err := db.Ledger().Verify(t.Context(), app.LedgerQuery{}, app.VerifyReport{Progress: func(p app.VerifyProgress) error {
		store(t, db, batch("k3v9", first, logs(10)...))
		first += 10
		// The event comes while the verification is not at its end.
		if event := receive(t, events); event.Count != 10 {
			t.Errorf("%+v", event)
		}
		return nil
	}})
	if err != nil || !v.Whole || v.Rows != 100 || v.Batches != 1 || first == 101 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, _ := verify(t, db, ""); !v.Whole || v.Rows != first-1 {
		t.Errorf("%+v", v)
	}
}

func TestVerifyEndsWhenNobodyListens(t *testing.T) {
	db := newDB(t)
	store(t, db, batch("k3v9", 2, logs(1)...))
	left := errors.New("left")
	for _, report := range []app.VerifyReport{
		{Finding: func(app.Finding) error { return left }},
		{Progress: func(app.VerifyProgress) error { return left }},
	} {
		if _, err := db.Ledger().Verify(t.Context(), app.LedgerQuery{}, report); !errors.Is(err, left) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Ledger().Verify(ctx, app.LedgerQuery{}, app.VerifyReport{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := db.Ledger().Verify(t.Context(), app.LedgerQuery{Shipper: "nobody"}, app.VerifyReport{}); app.KindOf(err) != app.KindNotFound {
		t.Errorf("got %v", err)
	}
}
