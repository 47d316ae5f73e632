package postgres_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/postgres"
)

func subscribe(t *testing.T, ctx context.Context, db *postgres.DB) <-chan *message.Message {
	t.Helper()
	events, err := db.Subscriber(watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { events.Close() })
	told, err := events.Subscribe(ctx, app.TopicStored)
	if err != nil {
		t.Fatal(err)
	}
	return told
}

func receive(t *testing.T, told <-chan *message.Message) (event app.StoredEvent) {
	t.Helper()
	select {
	case msg := <-told:
		if err := json.Unmarshal(msg.Payload, &event); err != nil {
			t.Fatal(err)
		}
		msg.Ack()
	case <-time.After(20 * time.Second):
		t.Fatal("not told")
	}
	return event
}

func TestEachStoredBatchIsToldOnce(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	told := subscribe(t, t.Context(), db)
	store(t, db, batch("k3v9", 1, logAt(0, "one")), batch("k3v9", 2, logAt(0, "two"), logAt(0, "three")))
	if receipt, err := db.Store().Store(t.Context(), batch("k3v9", 1, logAt(0, "one"))); err != nil || !receipt.Duplicate {
		t.Fatal(receipt, err)
	}
	store(t, db, batch("k3v9", 4, logAt(0, "four")))
	conn := connect(t, at)
	for _, want := range []app.StoredEvent{{BatchID: "k3v9-1", Count: 1}, {BatchID: "k3v9-2", Count: 2}, {BatchID: "k3v9-4", Count: 1}} {
		got := receive(t, told)
		if got.BatchID != want.BatchID || got.Count != want.Count {
			t.Errorf("told of %+v, want %+v", got, want)
		}
		if n := count(t, conn, "SELECT count(*) FROM ledger WHERE number = $1 AND transaction::text = $2::bigint::text", got.Number, int64(got.Transaction)); n != 1 {
			t.Errorf("%+v is not what the ledger says", got)
		}
	}
}

func TestHandledEventsAreDeletedAndNoOthers(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	left := func() int {
		if err := db.MaintainOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		return count(t, conn, "SELECT count(*) FROM watermill_stored")
	}
	for i := range 5 {
		store(t, db, batch("k3v9", uint64(i+1), logAt(0, "x")))
	}
	if n := left(); n != 5 {
		t.Errorf("%d events are left before anyone heard of them", n)
	}
	told := subscribe(t, t.Context(), db)
	for range 5 {
		receive(t, told)
	}
	// The last one stays: it is where the group stands.
	eventually(t, func() bool { return left() == 1 })
	store(t, db, batch("k3v9", 6, logAt(0, "x")))
	if got := receive(t, told); got.BatchID != "k3v9-6" {
		t.Errorf("told of %+v", got)
	}
}

func TestAnEventGoesToOneOfManySubscribers(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	both := make(chan *message.Message)
	for range 2 {
		told := subscribe(t, t.Context(), db)
		go func() {
			for msg := range told {
				both <- msg
			}
		}()
	}
	const batches = 20
	for i := range batches {
		store(t, db, batch("k3v9", uint64(i+1), logAt(0, "x")))
	}
	heard := map[string]int{}
	for range batches {
		heard[receive(t, both).BatchID]++
	}
	select {
	case msg := <-both:
		t.Errorf("one more: %s", msg.Payload)
		msg.Ack()
	case <-time.After(300 * time.Millisecond):
	}
	if len(heard) != batches {
		t.Errorf("heard %v", heard)
	}
}
