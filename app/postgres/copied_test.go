package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"millrace/app"
	"millrace/app/postgres"
)

// A dump that is restored on a new server brings numbers of transactions along
// that this server has not reached. Events go on, and so does the ledger.
func TestACopyFromAnotherServerIsUsable(t *testing.T) {
	at := newURL(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: at, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, at)
	listening, stop := context.WithCancel(t.Context())
	told := subscribe(t, listening, db)
	store(t, db, batch("k3v9", 1, logs(2)...), batch("k3v9", 4, logs(1)...))
	for range 2 {
		receive(t, told)
	}
	id, _ := replaying(t, db, poison("k3v9", 8, 1, 1))
	look(t, db, "k3v9")
	eventually(t, func() bool {
		return count(t, conn, "SELECT count(*) FROM watermill_offsets_stored WHERE offset_acked = 2") == 1
	})
	stop()
	for range told { // until it is closed
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for table, column := range map[string]string{
		"ledger": "transaction", "ledger_looked": "transaction", "watermill_stored": "transaction_id", "watermill_replay": "transaction_id",
		"watermill_offsets_stored": "last_processed_transaction_id", "watermill_offsets_replay": "last_processed_transaction_id",
	} {
		exec(t, conn, "UPDATE "+table+" SET "+column+" = ("+column+"::text::bigint + 1000000000000)::text::xid8")
	}

	db = open(t, at)
	told = subscribe(t, t.Context(), db)
	store(t, db, batch("k3v9", 5, logs(1)...))
	if got := receive(t, told); got.BatchID != "k3v9-5" {
		t.Errorf("told of %+v", got)
	}
	events, err := db.Subscriber(watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { events.Close() })
	asked, err := events.Subscribe(t.Context(), app.TopicReplay)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case msg := <-asked:
		msg.Ack()
	case <-time.After(20 * time.Second):
		t.Errorf("nobody is told that item %d is to be replayed", id)
	}
	if got := look(t, db, "k3v9"); got.Reach != 8 || got.Gaps.Logs != 3 || got.Overlaps.Count != 0 || got.Quarantined != 1 {
		t.Errorf("%+v", got)
	}
	if n := count(t, conn, "SELECT count(*) FROM ledger_covered c, ledger_looked l WHERE upper(c.numbers) = 6"); n != 1 {
		t.Error("what was covered is not kept")
	}
}
