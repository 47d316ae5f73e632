package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
	"millrace/app/postgres"
)

// logs makes n logs of now.
func logs(n int) []app.Log {
	made := make([]app.Log, n)
	for i := range made {
		made[i] = logAt(0, fmt.Sprint(i))
	}
	return made
}

// quarantine says that numbers of a shipper are in quarantine.
func quarantine(t *testing.T, conn *pgx.Conn, shipper string, first, count int, state string) {
	t.Helper()
	exec(t, conn, `INSERT INTO quarantine (shipper, first_seq, count, state, another, digest)
		VALUES ($1, $2, $3, $4, $1 ~ '^logs\.', gen_random_uuid()::text::bytea)`, shipper, first, count, state)
}

func report(t *testing.T, db *postgres.DB, shipper string) app.ShipperLedger {
	t.Helper()
	report, err := app.NewLedger(db.Ledger(), nil).Report(t.Context(), app.LedgerQuery{Shipper: shipper})
	if err != nil || len(report.Shippers) != 1 {
		t.Fatalf("%d shippers, %v", len(report.Shippers), err)
	}
	return report.Shippers[0]
}

// Each case is what is stored and quarantined of the numbers of one shipper.
func TestGapsAndOverlapsAreFound(t *testing.T) {
	type run struct{ first, count int }
	for name, c := range map[string]struct {
		stored, quarantined []run
		gaps, overlaps      []app.Range
	}{
		"nothing is missing":            {stored: []run{{1, 3}, {4, 2}, {6, 1}}},
		"the beginning":                 {stored: []run{{3, 2}}, gaps: []app.Range{{From: 1, To: 2}}},
		"one in the middle":             {stored: []run{{1, 3}, {5, 1}}, gaps: []app.Range{{From: 4, To: 4}}},
		"two gaps":                      {stored: []run{{1, 1}, {3, 1}, {7, 1}}, gaps: []app.Range{{From: 2, To: 2}, {From: 4, To: 6}}},
		"quarantine fills a gap":        {stored: []run{{1, 3}, {6, 1}}, quarantined: []run{{4, 2}}},
		"quarantine fills half a gap":   {stored: []run{{1, 3}, {8, 1}}, quarantined: []run{{5, 2}}, gaps: []app.Range{{From: 4, To: 4}, {From: 7, To: 7}}},
		"quarantine is at the end":      {stored: []run{{1, 3}}, quarantined: []run{{6, 2}}, gaps: []app.Range{{From: 4, To: 5}}},
		"quarantine has a stored log":   {stored: []run{{1, 5}}, quarantined: []run{{2, 1}}},
		"nothing but quarantine":        {quarantined: []run{{1, 2}, {3, 4}}},
		"two batches overlap":           {stored: []run{{1, 5}, {4, 4}}, overlaps: []app.Range{{From: 4, To: 5}}},
		"one batch lies within another": {stored: []run{{1, 9}, {3, 2}, {10, 1}}, overlaps: []app.Range{{From: 3, To: 4}}},
		"an overlap hides no gap":       {stored: []run{{1, 4}, {2, 1}, {6, 1}}, gaps: []app.Range{{From: 5, To: 5}}, overlaps: []app.Range{{From: 2, To: 2}}},
		"quarantine hides no overlap":   {stored: []run{{1, 2}, {2, 2}}, quarantined: []run{{1, 9}}, overlaps: []app.Range{{From: 2, To: 2}}},
		"quarantine is in there twice":  {stored: []run{{1, 1}, {4, 1}}, quarantined: []run{{2, 2}, {2, 2}}},
		"a gap behind what overlaps it": {stored: []run{{1, 9}, {2, 2}, {11, 1}}, gaps: []app.Range{{From: 10, To: 10}}, overlaps: []app.Range{{From: 2, To: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			at := newURL(t)
			db := open(t, at)
			conn := connect(t, at)
			// Another shipper, and another producer, with which this must not mix.
			other := batch("another", 1, logs(20)...)
			foreign := batch("logs.0", 17, logs(2)...)
			foreign.Foreign = true
			store(t, db, other, foreign)
			for _, r := range c.stored {
				// Straight into the ledger: the store takes no batch within another.
				exec(t, conn, `INSERT INTO ledger (shipper, first_seq, count, stored, another, topic, kafka_partition, kafka_offset, first_time, last_time)
					VALUES ('k3v9', $1, $2, $2, false, 'logs', 0, 0, now(), now())`, r.first, r.count)
			}
			for _, r := range c.quarantined {
				quarantine(t, conn, "k3v9", r.first, r.count, "held")
			}
			got := report(t, db, "k3v9")
			if !slices.Equal(got.Gaps.First, c.gaps) || got.Gaps.Count != uint64(len(c.gaps)) {
				t.Errorf("gaps %v, want %v", got.Gaps, c.gaps)
			}
			if !slices.Equal(got.Overlaps.First, c.overlaps) || got.Overlaps.Count != uint64(len(c.overlaps)) {
				t.Errorf("overlaps %v, want %v", got.Overlaps, c.overlaps)
			}
			for _, whole := range []string{"another", "logs.0"} {
				if got := report(t, db, whole); got.Gaps.Count != 0 || got.Overlaps.Count != 0 || got.Pending != 0 {
					t.Errorf("%+v", got)
				}
			}
		})
	}
}

func TestTheLedgerCountsAShippersLogs(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	second := batch("k3v9", 9, logs(2)...)
	second.Accepted = 25
	store(t, db, batch("k3v9", 1, logs(5)...), second)
	for range 3 {
		if receipt, err := db.Store().Store(t.Context(), second); err != nil || !receipt.Duplicate {
			t.Fatal(receipt, err)
		}
	}
	quarantine(t, conn, "k3v9", 6, 1, "replaying")
	quarantine(t, conn, "k3v9", 7, 1, "replayed")
	quarantine(t, conn, "k3v9", 11, 4, "discarded")
	got := report(t, db, "k3v9")
	if got.Gaps.Logs != 1 || got.Gaps.First[0] != (app.Range{From: 8, To: 8}) {
		t.Errorf("gaps: %+v", got.Gaps)
	}
	if got.Accepted != 25 || got.Sealed != 14 || got.Shipped != 14 || got.Stored != 7 || got.Pending != 11 || got.Duplicates != 3 || got.Batches != 2 ||
		got.Quarantined != 1 || got.Replayed != 1 || got.Discarded != 4 || got.Foreign || got.Live {
		t.Errorf("%+v", got)
	}
	if sum := got.Stored + got.Quarantined + got.Replayed + got.Discarded + got.Gaps.Logs + got.Pending; sum != got.Accepted {
		t.Errorf("of %d logs %d are accounted for", got.Accepted, sum)
	}
	if since := time.Since(got.LastSeen); since < -time.Minute || since > time.Minute || got.FirstSeen.After(got.LastSeen) {
		t.Errorf("seen from %s to %s", got.FirstSeen, got.LastSeen)
	}
}

// Another producer's offsets are no sequence, in quarantine neither.
func TestAnotherProducersQuarantineMakesNoGap(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	foreign := batch("logs.0", 17, logs(4)...)
	foreign.Foreign = true
	store(t, db, foreign)
	exec(t, conn, "DELETE FROM logs WHERE message = '3'")
	exec(t, conn, "UPDATE ledger SET stored = 3")
	quarantine(t, conn, "logs.0", 17, 1, "held")
	exec(t, conn, "UPDATE quarantine SET batch = (SELECT number FROM ledger)")
	quarantine(t, conn, "logs.0", 15, 9, "held")
	quarantine(t, conn, "logs.12", 1000, 7, "discarded")
	v, found := verify(t, db, "")
	if !v.Whole || len(v.Shippers) != 2 {
		t.Errorf("found %q, %+v", found, v)
	}
	if got := report(t, db, "logs.0"); got.Accepted != 13 || got.Stored != 3 || got.Quarantined != 10 || got.Pending != 0 || !got.Foreign {
		t.Errorf("%+v", got)
	}
	if got := report(t, db, "logs.12"); got.Accepted != 7 || got.Discarded != 7 || got.Pending != 0 || !got.Foreign {
		t.Errorf("%+v", got)
	}
	if life, err := db.Ledger().Batch(t.Context(), "logs.0-17"); err != nil || len(life.Quarantine) != 1 || life.Quarantine[0].From != 17 {
		t.Errorf("%+v, %v", life, err)
	}
	exec(t, conn, "DELETE FROM quarantine WHERE first_seq = 17")
	if v, found := verify(t, db, ""); v.Missing != 1 || len(found) != 1 {
		t.Errorf("found %q", found)
	}
}

// Batches of one shipper come over several partitions: a number is missed only
// when it has been late for a while.
func TestANumberIsMissedAfterAWhile(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	store(t, db, batch("k3v9", 1, logs(1)...), batch("k3v9", 4, logs(1)...), batch("k3v9", 6, logs(1)...))
	exec(t, conn, "UPDATE ledger SET stored_at = stored_at - interval '1 hour' WHERE first_seq = 4")
	for settle, want := range map[time.Duration]string{0: "3 0 0", time.Minute: "2 1 1", 2 * time.Hour: "0 3 3"} {
		got, err := app.NewLedger(db.Ledger(), nil).Report(t.Context(), app.LedgerQuery{Settle: settle})
		if err != nil {
			t.Fatal(err)
		}
		s := got.Shippers[0]
		if text := fmt.Sprint(s.Gaps.Logs, s.Settling.Logs, s.Pending); text != want || got.Whole != (s.Gaps.Logs == 0) {
			t.Errorf("after %s: %s, want %s", settle, text, want)
		}
	}
}

func TestGapsAreCountedBeyondThoseThatAreNamed(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	// Straight into the ledger: the logs do not matter here.
	exec(t, connect(t, at), `INSERT INTO ledger (shipper, first_seq, count, stored, another, topic, kafka_partition, kafka_offset, first_time, last_time)
		SELECT 'k3v9', 1 + 3 * n, 1, 1, false, 'logs', 0, n, now(), now() FROM generate_series(0, 500) n`)
	got := report(t, db, "k3v9").Gaps
	if got.Count != 500 || got.Logs != 1000 || len(got.First) != app.MaxListed || got.First[99] != (app.Range{From: 299, To: 300}) {
		t.Errorf("%d gaps of %d logs, %d named", got.Count, got.Logs, len(got.First))
	}
}

func TestABatchTellsItsLife(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	// A number whose logs have ids beyond 32 bits, as soon all have.
	exec(t, conn, "ALTER TABLE ledger ALTER COLUMN number RESTART WITH 340")
	b := batch("k3-v9", 1001, logAt(time.Hour, "a"), logAt(0, "b"), logAt(time.Minute, "c"))
	b.Partition, b.Offset, b.Trigger = 3, 41, "delay"
	store(t, db, b)
	quarantine(t, conn, "k3-v9", 900, 102, "discarded")
	quarantine(t, conn, "k3-v9", 1004, 10, "held")
	life, err := db.Ledger().Batch(t.Context(), "k3-v9-1001")
	if err != nil {
		t.Fatal(err)
	}
	if life.ID != "k3-v9-1001" || life.First != 1001 || life.Last != 1003 || life.Count != 3 || life.Stored != 3 || *life.Rows != 3 ||
		life.State != app.BatchStored || life.Partition != 3 || life.Offset != 41 || life.Topic != app.TopicLogs || life.Trigger != "delay" ||
		!life.SealedAt.Equal(now) || !life.ShippedAt.Equal(now) || life.StoredAt.Before(now.Add(-time.Minute)) ||
		!life.FirstTime.Equal(now.Add(-time.Hour)) || !life.LastTime.Equal(now) {
		t.Errorf("%+v, %d rows", life, *life.Rows)
	}
	if len(life.Quarantine) != 1 || life.Quarantine[0].Range != (app.Range{From: 900, To: 1001}) || life.Quarantine[0].State != "discarded" {
		t.Errorf("linked with %+v", life.Quarantine)
	}
	aside, err := db.Ledger().Batch(t.Context(), "k3-v9-1004")
	if err != nil || aside.State != app.BatchQuarantined || aside.Last != 1013 || aside.Count != 10 || len(aside.Quarantine) != 1 || aside.Rows != nil {
		t.Errorf("%+v, %v", aside, err)
	}
	exec(t, conn, "DELETE FROM logs WHERE message = 'b'")
	if life, err = db.Ledger().Batch(t.Context(), "k3-v9-1001"); err != nil || life.State != app.BatchIncomplete || *life.Rows != 2 {
		t.Errorf("%+v, %v", life, err)
	}
	for _, unknown := range []string{"k3-v9-1002", "k3-v9-1005", "nobody-1", "", "-", "-1", "x", "k3-v9-", "a\x00-1", "k-99999999999999999999"} {
		if _, err := db.Ledger().Batch(t.Context(), unknown); app.KindOf(err) != app.KindNotFound {
			t.Errorf("%q: %v", unknown, err)
		}
	}
}

func TestBatchesArePaged(t *testing.T) {
	db := newDB(t)
	for i := range 7 {
		store(t, db, batch([]string{"odd", "even"}[i%2], uint64(10*(7-i)), logs(1)...))
	}
	for _, c := range []struct {
		shipper string
		want    []string
	}{
		{"", []string{"odd-10", "even-20", "odd-30", "even-40", "odd-50", "even-60", "odd-70"}},
		{"even", []string{"even-60", "even-40", "even-20"}},
		{"nobody", nil},
		{"\x00", nil},
	} {
		query := app.BatchQuery{Shipper: c.shipper, Limit: 2}
		var got []string
		for {
			page, err := db.Ledger().Batches(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range page.Batches {
				got = append(got, b.ID)
			}
			if page.Next == nil {
				break
			}
			if query.At, err = app.ParseBatchCursor(page.Next.String()); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("of %q: %v, want %v", c.shipper, got, c.want)
		}
	}
	all, err := db.Ledger().Batches(t.Context(), app.BatchQuery{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	from := all.Batches[2].StoredAt
	if later, err := db.Ledger().Batches(t.Context(), app.BatchQuery{Limit: 10, From: from}); err != nil || len(later.Batches) != 3 {
		t.Errorf("%d batches from %s on, %v", len(later.Batches), from, err)
	}
}
