package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
)

// poison makes a record of the poison topic, at an offset of it.
func poison(shipper string, first uint64, count int, offset int64) app.PoisonRecord {
	return app.PoisonRecord{
		BatchHead: app.BatchHead{Shipper: shipper, First: first, Count: count, Topic: app.TopicLogs, Partition: 2, Offset: 40, SealedAt: now},
		Failure:   app.Failure{Stage: app.StageStore, Reason: app.ReasonInvalid, Handler: "store", Error: "refused for good"},
		Readable:  true,
		Lies:      app.RecordPlace{Topic: app.TopicPoison, Offset: offset, At: now.Add(time.Duration(offset) * time.Second)},
		Headers:   map[string]string{"a": "b"},
		Payload:   []byte("payload"),
	}
}

func keep(t *testing.T, db *postgres.DB, record app.PoisonRecord) app.KeptPoison {
	t.Helper()
	kept, err := db.Quarantine().Keep(t.Context(), record)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func TestWhatIsSetAsideAgainIsOneItemWithItsHistory(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	first := keep(t, db, poison("k3v9", 7, 2, 1))
	if !first.Fresh || first.Duplicate {
		t.Errorf("%+v", first)
	}
	if again := keep(t, db, poison("k3v9", 7, 2, 1)); !again.Duplicate || again.ID != first.ID {
		t.Errorf("delivered twice: %+v", again)
	}
	later := poison("k3v9", 7, 2, 5)
	later.Failure = app.Failure{Stage: app.StageShip, Reason: app.ReasonTooLarge, Handler: "\x00", Error: strings.Repeat("é\xff", 9999)}
	if again := keep(t, db, later); again != (app.KeptPoison{ID: first.ID}) {
		t.Errorf("set aside again: %+v", again)
	}
	var tries, events int
	var stage, reason string
	var seen, last time.Time
	row := conn.QueryRow(t.Context(), "SELECT tries, stage, reason, first_seen, last_seen, (SELECT count(*) FROM quarantine_events) FROM quarantine")
	if err := row.Scan(&tries, &stage, &reason, &seen, &last, &events); err != nil || tries != 2 || events != 2 || stage != "ship" || reason != "too-large" ||
		!seen.Equal(now.Add(time.Second)) || !last.Equal(now.Add(5*time.Second)) {
		t.Errorf("%d tries, %d events, %s, %s, seen %s to %s, %v", tries, events, stage, reason, seen, last, err)
	}
	// The same numbers, and something else: two shippers go by one name.
	other := poison("k3v9", 7, 2, 6)
	other.Payload = []byte("something else")
	if kept := keep(t, db, other); !kept.Fresh {
		t.Errorf("%+v", kept)
	}
	// The topic was made anew: the offset is the same, the record is not.
	anew := poison("k3v9", 7, 2, 1)
	anew.Lies.At = now.Add(time.Hour)
	if kept := keep(t, db, anew); kept.Duplicate || kept.Fresh || kept.ID != first.ID {
		t.Errorf("%+v", kept)
	}
}

func TestTheSameRecordTwiceAtOnceIsOneItem(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if _, err := db.Quarantine().Keep(t.Context(), poison("k3v9", 7, 2, int64(i%2))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := count(t, connect(t, at), "SELECT count(*) * 100 + sum(tries) FROM quarantine"); n != 102 {
		t.Errorf("items and tries: %d", n)
	}
}

func TestARecordOfAnyBytesIsKept(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	record := app.ReadPoison(map[string]string{
		"\x00\xff": "\xff\x00", "": "", app.MetaShipper: "\x00", app.MetaFirst: "1",
		"origin_millrace_topic": "logs", "origin_millrace_partition": "0", "origin_millrace_offset": "5", "origin_millrace_shipped_at": "+999999-01-01T00:00:00Z",
		"reason_poisoned": "\x00\xff", "handler_poisoned": "\xff",
	}, nil, func([]byte) (int, error) { return 0, app.Errorf(app.KindInvalid, "no batch") })
	kept := keep(t, db, record)
	huge := poison("k3v9", 1, 1, 9)
	huge.Payload = make([]byte, 33<<20)
	huge.Headers = map[string]string{strings.Repeat("k", 1<<20): strings.Repeat("v", 1<<20)}
	huge.ShippedAt, huge.SealedAt, huge.Lies.At = time.Unix(1<<60, 0), time.Time{}, time.Unix(-1<<60, 0)
	keep(t, db, huge)
	conn := connect(t, at)
	var names, values [][]byte
	if err := conn.QueryRow(t.Context(), "SELECT header_names, header_values FROM quarantine WHERE id = $1", kept.ID).Scan(&names, &values); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if record.Headers[string(name)] != string(values[i]) {
			t.Errorf("%q became %q", name, values[i])
		}
	}
	if len(names) != len(record.Headers) || count(t, conn, "SELECT length(payload) FROM quarantine WHERE shipper = 'k3v9'") != 33<<20 {
		t.Errorf("%d headers", len(names))
	}
}

// Every number counts once, whatever is in quarantine of it and however often.
func TestTheLedgerBalancesWithTheQuarantine(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	accepted := batch("k3v9", 20, logs(1)...)
	accepted.Accepted = 25
	store(t, db, batch("k3v9", 1, logs(5)...), accepted)
	for i, item := range []struct {
		first uint64
		count int
		state string
	}{
		{6, 3, "held"}, {7, 3, "replayed"}, {9, 4, "discarded"}, // they overlap
		{4, 3, "held"}, {1, 5, "discarded"}, {20, 1, "replayed"}, // they are stored, in part or wholly
		{15, 2, "replaying"},
	} {
		record := poison("k3v9", item.first, item.count, int64(i))
		record.Payload = fmt.Append(nil, i)
		kept := keep(t, db, record)
		exec(t, conn, "UPDATE quarantine SET state = $1 WHERE id = $2", item.state, kept.ID)
	}
	got := report(t, db, "k3v9")
	if text := fmt.Sprint(got.Stored, got.Quarantined, got.Replayed, got.Discarded, got.Gaps.Logs, got.Pending, got.Overlaps.Logs); text != "6 5 1 3 5 5 0" {
		t.Errorf("stored, quarantined, replayed, discarded, gaps, pending, twice: %s", text)
	}
	if sum := got.Stored + got.Quarantined + got.Replayed + got.Discarded + got.Gaps.Logs + got.Pending; sum != got.Accepted || got.Accepted != 25 {
		t.Errorf("of %d logs %d are accounted for", got.Accepted, sum)
	}
	life, err := db.Ledger().Batch(t.Context(), "k3v9-15")
	if err != nil || life.State != app.BatchQuarantined || life.Count != 2 || len(life.Quarantine) != 1 || life.Quarantine[0].State != "replaying" {
		t.Errorf("%+v, %v", life, err)
	}
}

// What another producer's is counts by its records.
func TestTheLedgerBalancesWithAnotherProducersQuarantine(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	foreign := batch("logs.2", 40, logs(3)...)
	foreign.Foreign = true
	store(t, db, foreign)
	for offset, n := range map[int64]int{40: 3, 41: 1, 90: 7} {
		record := poison("logs.2", uint64(offset), n, offset)
		record.Foreign = true
		keep(t, db, record)
	}
	if got := report(t, db, "logs.2"); got.Accepted != 11 || got.Stored != 3 || got.Quarantined != 8 || got.Gaps.Logs != 0 || !got.Foreign {
		t.Errorf("%+v", got)
	}
	if v, found := verify(t, db, ""); !v.Whole {
		t.Errorf("%q", found)
	}
}

func TestARealGapBesideTheQuarantineIsOne(t *testing.T) {
	db := newDB(t)
	store(t, db, batch("k3v9", 1, logs(5)...), batch("k3v9", 10, logs(1)...))
	keep(t, db, poison("k3v9", 7, 3, 1))
	if v, found := verify(t, db, ""); v.Whole || len(found) != 1 || found[0] != "missing: shipper k3v9, 6: 1 log that no batch has" {
		t.Errorf("%q", found)
	}
	keep(t, db, poison("k3v9", 6, 1, 2))
	if v, found := verify(t, db, ""); !v.Whole {
		t.Errorf("%q", found)
	}
}
