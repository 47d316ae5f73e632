package postgres_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/jackc/pgx/v5"

	"millrace/app"
	"millrace/app/postgres"
)

func TestALogComesBackAsItWas(t *testing.T) {
	db := newDB(t)
	want := app.Log{
		Time: now.Add(123), ReceivedAt: now.Add(time.Second), Level: app.LevelWarn,
		Service: "checkout", Host: "web-1", Message: "line one\nline two – 日本 🦀 \\ \" '",
		Attributes: json.RawMessage(`{"a": {"b": [1, 2.5, null, true]}}`),
		TraceID:    "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7",
	}
	store(t, db, batch("k3v9", 1, want))
	page, err := db.Reader().Logs(t.Context(), app.Query{Limit: 10})
	if err != nil || len(page.Logs) != 1 {
		t.Fatal(page, err)
	}
	want.ID, want.BatchID = app.NewLogID(1, 0), "k3v9-1"
	got := page.Logs[0]
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestABatchIsStoredOnceHoweverOftenItComes(t *testing.T) {
	db := newDB(t)
	b := batch("k3v9", 1, logAt(0, "one"), logAt(0, "two"))
	var wait sync.WaitGroup
	receipts := make(chan app.Receipt, 8)
	for range cap(receipts) {
		wait.Go(func() {
			receipt, err := db.Store().Store(t.Context(), b)
			if err != nil {
				t.Error(err)
			}
			receipts <- receipt
		})
	}
	wait.Wait()
	close(receipts)
	stored := 0
	for receipt := range receipts {
		stored += receipt.Stored
		if receipt.Duplicate == (receipt.Stored > 0) {
			t.Errorf("%+v", receipt)
		}
	}
	if stored != 2 {
		t.Errorf("%d logs were stored", stored)
	}
	page, err := db.Reader().Logs(t.Context(), app.Query{Limit: 10})
	if err != nil || len(page.Logs) != 2 {
		t.Error(messages(page.Logs), err)
	}
}

func TestABatchIsStoredWholeOrNotAtAll(t *testing.T) {
	db := newDB(t)
	failure := errors.New("the payload ends in the middle")
	broken := batch("k3v9", 1, logAt(0, "one"), logAt(0, "two"))
	whole := broken.Logs
	broken.Logs = func(yield func(*app.Log, error) bool) {
		for log := range whole {
			if !yield(log, nil) {
				return
			}
			yield(nil, failure)
			return
		}
	}
	if _, err := db.Store().Store(t.Context(), broken); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	lying := batch("k3v9", 1, logAt(0, "one"))
	lying.Count = 2
	if _, err := db.Store().Store(t.Context(), lying); !app.Permanent(err) {
		t.Errorf("got %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Store().Store(stopped, batch("k3v9", 1, logAt(0, "one"))); !errors.Is(err, context.Canceled) || app.Permanent(err) {
		t.Errorf("got %v", err)
	}
	page, err := db.Reader().Logs(t.Context(), app.Query{Limit: 10})
	if err != nil || len(page.Logs) != 0 {
		t.Error(messages(page.Logs), err)
	}
	store(t, db, batch("k3v9", 1, logAt(0, "one"))) // its place in the ledger is free
}

func TestTextThatPostgreSQLRefusesIsRepairedWithoutLoss(t *testing.T) {
	db := newDB(t)
	odd := logAt(0, "nul \x00 and latin-1 \xe9")
	odd.Host = "\xff"
	odd.Service = strings.Repeat("long", 2000)
	odd.Attributes = json.RawMessage(`{"nul":"a\u0000b","half":"\ud800","fine":1}`)
	store(t, db, batch("k3v9", 1, logAt(0, "before"), odd, logAt(0, "after")))
	page, err := db.Reader().Logs(t.Context(), app.Query{Limit: 10, OldestFirst: true})
	if err != nil || len(page.Logs) != 3 {
		t.Fatal(messages(page.Logs), err)
	}
	got := page.Logs[1]
	if got.Message != "nul ␀ and latin-1 \ufffd" || got.Host != "\ufffd" {
		t.Errorf("shown as %q on %q", got.Message, got.Host)
	}
	var attributes map[string]any
	if err := json.Unmarshal(got.Attributes, &attributes); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"message": odd.Message, "host": odd.Host, "service": odd.Service, "attributes": string(odd.Attributes)} {
		raw, _ := attributes["millrace.raw."+name].(string)
		original, err := base64.StdEncoding.DecodeString(raw)
		if err != nil || string(original) != want {
			t.Errorf("the original %s is %q", name, original)
		}
	}
	if attributes["fine"] != 1.0 || attributes["nul"] != "a␀b" {
		t.Errorf("attributes %v", attributes)
	}
}

func TestOddTimesMakeNoPartitionOfTheirOwn(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	const year = 365 * 24 * time.Hour
	store(t, db, batch("k3v9", 1,
		logAt(0, "now"), logAt(24*time.Hour, "yesterday"), logAt(10*year, "ten years ago"), logAt(-10*year, "in ten years"), logAt(-72*time.Hour, "in three days")))
	page, err := db.Reader().Logs(t.Context(), app.Query{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := messages(page.Logs); !slices.Equal(got, []string{"in ten years", "in three days", "now", "yesterday", "ten years ago"}) {
		t.Errorf("got %q", got)
	}
	newest, _, err := db.Reader().Newest(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if got := messages(newest); !slices.Equal(got, []string{"now", "yesterday"}) {
		t.Errorf("newest %q", got)
	}
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var partitions int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_inherits WHERE inhparent = 'logs_inside'::regclass").Scan(&partitions); err != nil || partitions != 2 {
		t.Errorf("%d partitions, error %v", partitions, err)
	}
}

func TestEachStoredBatchIsToldOnce(t *testing.T) {
	db := newDB(t)
	events, err := db.StoredSubscriber(watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	told, err := events.Subscribe(t.Context(), app.TopicStored)
	if err != nil {
		t.Fatal(err)
	}
	store(t, db, batch("k3v9", 1, logAt(0, "one")), batch("k3v9", 1, logAt(0, "one")), batch("k3v9", 2, logAt(0, "two"), logAt(0, "three")))
	for _, want := range []app.StoredEvent{{Number: 1, BatchID: "k3v9-1", Count: 1}, {Number: 3, BatchID: "k3v9-2", Count: 2}} {
		select {
		case msg := <-told:
			var got app.StoredEvent
			if err := json.Unmarshal(msg.Payload, &got); err != nil {
				t.Fatal(err)
			}
			if got.BatchID != want.BatchID || got.Count != want.Count || got.Transaction == 0 {
				t.Errorf("told of %+v, want %+v", got, want)
			}
			msg.Ack()
		case <-time.After(20 * time.Second):
			t.Fatal("not told")
		}
	}
}

func TestAnUnreachableServerIsNamedWithoutItsPassword(t *testing.T) {
	for _, at := range []string{"postgres://user:hunter2@127.0.0.1:1/db", "postgres://user:hunter2@[::bad/db", strings.Replace(serverURL, "millrace:", "nobody:hunter2", 1)} {
		_, err := postgres.Open(t.Context(), postgres.Config{URL: at, MaxConns: 2, Logger: quiet})
		if err == nil || !strings.Contains(err.Error(), "postgres-url") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}

func TestManyProcessesMayStartAtOnce(t *testing.T) {
	at := newURL(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			db, err := postgres.Open(t.Context(), postgres.Config{URL: at, MaxConns: 2, Retention: 24 * time.Hour, Logger: quiet})
			if err != nil {
				t.Error(err)
				return
			}
			db.Close()
		})
	}
	wait.Wait()
}
