package postgres_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
	"millrace/app/postgres/storetest"
)

func TestTheLedgerTellsWhatABatchSpans(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	own := batch("k3v9", 1001, logAt(time.Hour, "a"), logAt(0, "b"), logAt(time.Minute, "c"))
	foreign := batch("logs.3", 41, logAt(0, "a"), logAt(0, "b"))
	foreign.Foreign, foreign.SealedAt = true, time.Time{}
	store(t, db, own, foreign)
	conn := connect(t, at)
	var last, stored int
	var from, to time.Time
	err := conn.QueryRow(t.Context(), "SELECT last_seq, stored, first_time, last_time FROM ledger WHERE shipper = 'k3v9'").Scan(&last, &stored, &from, &to)
	if err != nil || last != 1003 || stored != 3 || !from.Equal(now.Add(-time.Hour)) || !to.Equal(now) {
		t.Errorf("ours: last %d, stored %d, from %s to %s, %v", last, stored, from, to, err)
	}
	if n := count(t, conn, "SELECT count(*) FROM ledger WHERE shipper = 'logs.3' AND another AND last_seq = 41 AND sealed_at IS NULL"); n != 1 {
		t.Error("another producer's batch is not known by its offset alone")
	}
}

func TestTextThatPostgreSQLRefusesIsRepairedWithoutLoss(t *testing.T) {
	db := newDB(t)
	odd := logAt(0, "nul \x00 and latin-1 \xe9")
	odd.Host = "\xff"
	odd.Service = strings.Repeat("long", 2000)
	odd.Attributes = json.RawMessage(`{"nul":"a\u0000b","half":"\ud800","huge":1e400000,"fine":1}`)
	odd.TraceID = "none"
	receipt, err := db.Store().Store(t.Context(), batch("k3v9", 1, logAt(0, "before"), odd, logAt(0, "after")))
	if err != nil || receipt.Repaired != 1 || receipt.Copied <= 0 || receipt.Took <= receipt.Copied {
		t.Fatalf("%+v, %v", receipt, err)
	}
	page, err := db.Reader().Logs(t.Context(), app.Query{Limit: 10, OldestFirst: true})
	if err != nil || len(page.Logs) != 3 {
		t.Fatal(messages(page.Logs), err)
	}
	got := page.Logs[1]
	if got.Message != "nul ␀ and latin-1 \ufffd" || got.Host != "\ufffd" || got.TraceID != "" {
		t.Errorf("shown as %q on %q, trace %q", got.Message, got.Host, got.TraceID)
	}
	var attributes map[string]any
	if err := json.Unmarshal(got.Attributes, &attributes); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"message": odd.Message, "host": odd.Host, "service": odd.Service, "attributes": string(odd.Attributes), "trace_id": odd.TraceID,
	} {
		raw, _ := attributes["millrace.raw."+name].(string)
		original, err := base64.StdEncoding.DecodeString(raw)
		if err != nil || string(original) != want {
			t.Errorf("the original %s is %q", name, original)
		}
	}
	if attributes["fine"] != 1.0 || attributes["nul"] != "a␀b" || attributes["huge"] != "1e400000" || attributes["half"] != "\ufffd" {
		t.Errorf("attributes %v", attributes)
	}
	// It is found by what it was.
	for _, filter := range []app.Filter{{Hosts: []string{odd.Host}}, {Services: []string{odd.Service, "another"}}} {
		if page, err := db.Reader().Logs(t.Context(), app.Query{Filter: filter, Limit: 10}); err != nil || len(page.Logs) != 1 {
			t.Errorf("found %q, %v", messages(page.Logs), err)
		}
	}
}

// What storableJSON lets through, PostgreSQL must take.
func TestPostgreSQLTakesWhatIsCalledStorable(t *testing.T) {
	conn := connect(t, serverURL)
	for _, text := range storetest.OddAttributes() {
		_, err := conn.Exec(t.Context(), "SELECT $1::text::jsonb", text)
		if storable := postgres.StorableJSON([]byte(text)); storable && err != nil {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func TestALogThatNobodyForesawIsStoredInArmour(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	store(t, db, batch("k3v9", 1, logAt(0, "the first")))
	conn := connect(t, at)
	exec(t, conn, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.message LIKE '%é%' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'data_exception'; END IF; RETURN NEW; END $$`)
	exec(t, conn, "CREATE TRIGGER refuse BEFORE INSERT ON logs FOR EACH ROW EXECUTE FUNCTION refuse()")
	for refused, first := range map[int]int{1: 2, 3: 100, 20: 200} {
		var logs []app.Log
		for i := range 30 {
			logs = append(logs, logAt(0, fmt.Sprint("plain ", i)))
			if i < refused {
				logs[i].Message = "é"
			}
		}
		store(t, db, batch("k3v9", uint64(first), logs...))
	}
	if n := count(t, conn, "SELECT count(*) FROM logs WHERE message = '?' AND attributes->>'millrace.raw.message' = encode('é', 'base64')"); n != 24 {
		t.Errorf("%d logs are in armour", n)
	}
	if n := count(t, conn, "SELECT count(*) FROM logs WHERE message LIKE 'plain %' AND attributes IS NULL"); n != 29+27+10 {
		t.Errorf("%d logs are as they were", n)
	}
}

func TestAConnectionThatIsKilledLeavesNothingBehind(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	store(t, db, batch("k3v9", 1, logAt(0, "one")))
	conn := connect(t, at)
	exec(t, conn, "BEGIN")
	exec(t, conn, "LOCK TABLE "+now.Format("logs_2006_01_02")+" IN ACCESS EXCLUSIVE MODE") // COPY stops here
	second := batch("k3v9", 2, logAt(0, "two"), logAt(0, "three"))
	result := make(chan error, 1)
	go func() {
		_, err := db.Store().Store(t.Context(), second)
		result <- err
	}()
	killer := connect(t, at) // within one transaction pg_stat_activity stands still
	eventually(t, func() bool {
		return count(t, killer, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND wait_event_type = 'Lock'") == 1
	})
	if err := <-result; app.KindOf(err) != app.KindUnavailable {
		t.Errorf("got %v", err)
	}
	exec(t, conn, "ROLLBACK")
	if n := count(t, conn, "SELECT (SELECT count(*) FROM logs) + (SELECT count(*) FROM ledger) + (SELECT count(*) FROM watermill_stored)"); n != 3 {
		t.Errorf("%d rows are left", n)
	}
	store(t, db, second)
}

// Wherever the connection breaks, the batch is there once after enough tries,
// whole, with one event.
func TestABrokenConnectionAnywhereLosesAndDoublesNothing(t *testing.T) {
	direct := newURL(t)
	proxy, through := newProxy(t, direct)
	db := open(t, through)
	conn := connect(t, direct)
	logs := make([]app.Log, 50)
	for i := range logs {
		logs[i] = logAt(0, strings.Repeat("x", 100))
	}
	store(t, db, batch("k3v9", 1, logs...)) // which also warms the connection
	batches, hidden := 1, 0
	for _, left := range []struct {
		direction func(int64)
		upTo      int64
		step      int64
	}{{proxy.toServer.Store, 12_000, 397}, {proxy.toClient.Store, 1_200, 41}} {
		for bytes := int64(0); bytes < left.upTo; bytes += left.step {
			batches++
			next := batch("k3v9", uint64(batches*100), logs...)
			left.direction(bytes)
			_, err := db.Store().Store(t.Context(), next)
			if err != nil && app.KindOf(err) != app.KindUnavailable {
				t.Fatalf("cut after %d bytes: %v", bytes, err)
			}
			proxy.heal()
			receipt, err := retry(t, db, next)
			if err != nil {
				t.Fatal(err)
			}
			if receipt.Duplicate {
				hidden++
			}
		}
	}
	if n := count(t, conn, "SELECT count(*) FROM logs"); n != batches*len(logs) {
		t.Errorf("%d logs, want %d", n, batches*len(logs))
	}
	if n := count(t, conn, "SELECT count(*) FROM watermill_stored"); n != batches {
		t.Errorf("%d events, want %d", n, batches)
	}
	if hidden == 0 || hidden == batches-1 {
		t.Errorf("%d of %d were stored at the first try: the cuts missed the transaction", hidden, batches-1)
	}
}

// retry stores until it works, as connections that are broken are found out one
// by one.
func retry(t *testing.T, db *postgres.DB, b app.Batch) (receipt app.Receipt, err error) {
	for range 20 {
		if receipt, err = db.Store().Store(t.Context(), b); err == nil {
			return receipt, nil
		}
	}
	return receipt, errors.Join(errors.New("it does not recover"), err)
}
