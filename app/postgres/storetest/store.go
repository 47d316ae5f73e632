package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"millrace/app"
)

// TestBatchStore tests a store and, as far as it takes one to look into the
// other, its reader.
func TestBatchStore(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"a log comes back as it was":                        comesBack,
		"a batch is stored once, however often it comes":    once,
		"a batch is stored whole or not at all":             whole,
		"a batch that cannot be is refused for good":        impossible,
		"another batch under the same key is not passed by": conflict,
		"a part of a batch that is there is a duplicate":    part,
		"a batch of which a part is there is refused":       superseded,
		"a whole and a half of it are stored once":          race,
		"a log of any kind stops no batch":                  anything,
		"batches are stored side by side":                   sideBySide,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func comesBack(t *testing.T, open Open) {
	store, reader := open(t)
	want := app.Log{
		Time: Now.Add(123), ReceivedAt: Now.Add(time.Second), Level: app.LevelWarn,
		Service: "checkout", Host: "web-1", Message: "line one\nline two – 日本 🦀 \\ \" '",
		Attributes: json.RawMessage(`{"a": {"b": [1, 2.5, null, true]}}`),
		TraceID:    "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7",
	}
	bare := LogAt(time.Second, "")
	bare.Service, bare.Host, bare.Level = "", "", 0
	mustStore(t, store, Batch("k3v9", 41, want, bare))
	got := all(t, reader)
	if len(got) != 2 {
		t.Fatalf("%d logs", len(got))
	}
	number := got[0].ID.Batch()
	want.ID, bare.ID = app.NewLogID(number, 0), app.NewLogID(number, 1)
	want.BatchID, bare.BatchID = "k3v9-41", "k3v9-41"
	for i, want := range []app.Log{bare, want} {
		if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %+v\nwant %+v", got[i], want)
		}
	}
}

func once(t *testing.T, open Open) {
	store, reader := open(t)
	batch := Batch("k3v9", 1, LogAt(0, "one"), LogAt(0, "two"))
	receipts := make(chan app.Receipt, 8)
	var wait sync.WaitGroup
	for range cap(receipts) {
		wait.Go(func() {
			receipt, err := store.Store(t.Context(), batch)
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
		t.Errorf("the receipts tell of %d logs", stored)
	}
	if got := all(t, reader); len(got) != 2 {
		t.Errorf("%d logs are stored", len(got))
	}
}

func whole(t *testing.T, open Open) {
	store, reader := open(t)
	failure := errors.New("the payload ends in the middle")
	broken := Batch("k3v9", 1, LogAt(0, "one"), LogAt(0, "two"))
	logs := broken.Logs
	broken.Logs = func(yield func(*app.Log, error) bool) {
		for log, err := range logs {
			if yield(log, err) {
				yield(nil, failure)
			}
			return
		}
	}
	if _, err := store.Store(t.Context(), broken); !errors.Is(err, failure) {
		t.Errorf("the walk's own error came back as %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Store(stopped, Batch("k3v9", 1, LogAt(0, "one"))); !errors.Is(err, context.Canceled) || app.Permanent(err) {
		t.Errorf("the end of the context came back as %v", err)
	}
	if got := all(t, reader); len(got) != 0 {
		t.Errorf("%q were stored", Messages(got))
	}
	mustStore(t, store, Batch("k3v9", 1, LogAt(0, "one"))) // its place is free
}

func impossible(t *testing.T, open Open) {
	store, reader := open(t)
	for name, change := range map[string]func(*app.Batch){
		"fewer logs than it says": func(b *app.Batch) { b.Count = 2 },
		"more logs than it says":  func(b *app.Batch) { b.Logs = Batch("", 1, LogAt(0, "a"), LogAt(0, "b")).Logs },
		"no logs":                 func(b *app.Batch) { *b = Batch("k3v9", 1) },
		"no shipper":              func(b *app.Batch) { b.Shipper = "" },
		"no name":                 func(b *app.Batch) { b.Shipper = "a\x00b" },
		"beyond all numbers":      func(b *app.Batch) { b.First = 1 << 63 },
	} {
		batch := Batch("k3v9", 1, LogAt(0, "one"))
		change(&batch)
		if _, err := store.Store(t.Context(), batch); !app.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := all(t, reader); len(got) != 0 {
		t.Errorf("%q were stored", Messages(got))
	}
}

func conflict(t *testing.T, open Open) {
	store, _ := open(t)
	mustStore(t, store, Batch("k3v9", 1, LogAt(0, "one"), LogAt(0, "two")))
	if _, err := store.Store(t.Context(), Batch("k3v9", 1, LogAt(0, "1"), LogAt(0, "2"), LogAt(0, "3"))); app.KindOf(err) != app.KindConflict {
		t.Errorf("a larger batch under the key: %v", err)
	}
	if receipt, err := store.Store(t.Context(), Batch("k3v9", 1, LogAt(0, "one"))); err != nil || !receipt.Duplicate || receipt.Number == 0 {
		t.Errorf("a part of what is there: %+v, %v", receipt, err)
	}
}

// A batch that a broker took without its answer arriving, and refuses as too
// large when it comes again, is sent in halves.
func part(t *testing.T, open Open) {
	store, reader := open(t)
	mustStore(t, store, Batch("k3v9", 1, LogAt(0, "1"), LogAt(0, "2"), LogAt(0, "3"), LogAt(0, "4")), Batch("k3v9", 5, LogAt(0, "5")))
	for _, half := range []app.Batch{Batch("k3v9", 3, LogAt(0, "3"), LogAt(0, "4")), Batch("k3v9", 2, LogAt(0, "2")), Batch("k3v9", 1, LogAt(0, "1"), LogAt(0, "2"))} {
		if receipt, err := store.Store(t.Context(), half); err != nil || !receipt.Duplicate || receipt.Number == 0 {
			t.Errorf("%s: %+v, %v", half.ID(), receipt, err)
		}
	}
	// Another shipper's numbers are others, and so are the offsets by which
	// another producer's batches are known.
	mustStore(t, store, Batch("another", 3, LogAt(0, "6"), LogAt(0, "7")))
	for offset := range uint64(2) {
		foreign := Batch("logs.0", offset, LogAt(0, "8"), LogAt(0, "9"), LogAt(0, "10"))
		foreign.Foreign = true
		mustStore(t, store, foreign)
	}
	if got := all(t, reader); len(got) != 5+2+6 {
		t.Errorf("%q are stored", Messages(got))
	}
}

// Halves may be stored before the whole, which lies on another partition.
func superseded(t *testing.T, open Open) {
	store, reader := open(t)
	whole := Batch("k3v9", 1, LogAt(0, "1"), LogAt(0, "2"), LogAt(0, "3"), LogAt(0, "4"))
	mustStore(t, store, Batch("k3v9", 3, LogAt(0, "3"), LogAt(0, "4")))
	if _, err := store.Store(t.Context(), whole); app.KindOf(err) != app.KindConflict {
		t.Errorf("the whole: %v", err)
	}
	mustStore(t, store, Batch("k3v9", 1, LogAt(0, "1"), LogAt(0, "2")))
	if got := all(t, reader); len(got) != 4 {
		t.Errorf("%q are stored", Messages(got))
	}
}

func race(t *testing.T, open Open) {
	store, reader := open(t)
	const rounds = 20
	for i := range uint64(rounds) {
		whole := Batch("k3v9", 4*i+1, LogAt(0, "1"), LogAt(0, "2"), LogAt(0, "3"), LogAt(0, "4"))
		half := Batch("k3v9", 4*i+3, LogAt(0, "3"), LogAt(0, "4"))
		half.Trigger = "split"
		var wait sync.WaitGroup
		for _, batch := range []app.Batch{whole, half} {
			wait.Go(func() {
				if _, err := store.Store(t.Context(), batch); err != nil && app.KindOf(err) != app.KindConflict {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		// The first half lies behind the whole.
		if _, err := store.Store(t.Context(), Batch("k3v9", 4*i+1, LogAt(0, "1"), LogAt(0, "2"))); err != nil {
			t.Error(err)
		}
	}
	if got := all(t, reader); len(got) != 4*rounds {
		t.Errorf("%d logs are stored, want %d", len(got), 4*rounds)
	}
}

func anything(t *testing.T, open Open) {
	store, reader := open(t)
	batch := make([]app.Log, len(Odd))
	for i, odd := range Odd {
		batch[i] = odd(LogAt(0, "odd"))
	}
	mustStore(t, store, Batch("k3v9", 1, batch...))
	got := all(t, reader)
	var places []int
	for _, log := range got {
		places = append(places, log.ID.Place())
		if _, err := json.Marshal(log); err != nil {
			t.Errorf("log %d: %v", log.ID.Place(), err)
		}
	}
	slices.Sort(places)
	for i := range Odd {
		if len(places) != len(Odd) || places[i] != i {
			t.Fatalf("of %d logs these came back: %v", len(Odd), places)
		}
	}
}

func sideBySide(t *testing.T, open Open) {
	store, reader := open(t)
	const shippers, batches = 8, 10
	var wait sync.WaitGroup
	for i := range shippers {
		wait.Go(func() {
			for n := range batches {
				batch := Batch(fmt.Sprint("shipper-", i), uint64(2*n+1), LogAt(time.Duration(n)*time.Hour, "a"), LogAt(0, "b"))
				if _, err := store.Store(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	ids := map[app.LogID]bool{}
	for _, log := range all(t, reader) {
		ids[log.ID] = true
	}
	if len(ids) != shippers*batches*2 {
		t.Errorf("%d different logs", len(ids))
	}
}
