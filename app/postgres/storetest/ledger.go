package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"millrace/app"
)

// Ledger is both ways to read a ledger.
type Ledger interface {
	app.LedgerReader
	app.LedgerLooker
}

// TestLedgerLooker tests the looks at the ledger of a store. open returns the
// store of a new database, and the ledger; called again for the same test, it is
// another process on that database.
func TestLedgerLooker(t *testing.T, open func(t testing.TB, database string) (app.BatchStore, Ledger)) {
	t.Run("a look tells what the whole ledger tells", func(t *testing.T) {
		store, ledger := open(t, "a")
		_, another := open(t, "a")
		random := rand.New(rand.NewPCG(3, 4))
		for round := range 15 {
			for range random.IntN(8) {
				b := anyBatch(random)
				for range 1 + random.IntN(2) { // now and then twice
					// Another batch of the same number may be there, with fewer logs.
					if _, err := store.Store(t.Context(), b); err != nil && app.KindOf(err) != app.KindConflict {
						t.Fatal(err)
					}
				}
			}
			for _, settle := range []time.Duration{0, time.Hour} {
				expectSameLook(t, []Ledger{ledger, another}[round%2], settle)
			}
		}
	})
	t.Run("looks and batches come side by side", func(t *testing.T) {
		store, ledger := open(t, "b")
		_, another := open(t, "b")
		var stores, looks sync.WaitGroup
		looking, stop := context.WithCancel(t.Context())
		for _, l := range []Ledger{ledger, another} {
			looks.Go(func() {
				for looking.Err() == nil {
					if _, err := l.Look(t.Context(), 0); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for seed := range uint64(4) {
			stores.Go(func() {
				random := rand.New(rand.NewPCG(seed, 5))
				for range 40 {
					if _, err := store.Store(t.Context(), anyBatch(random)); err != nil && app.KindOf(err) != app.KindConflict {
						t.Error(err)
					}
				}
			})
		}
		stores.Wait()
		stop()
		looks.Wait()
		expectSameLook(t, ledger, 0)
		expectSameLook(t, another, 0)
	})
}

// anyBatch returns a batch among few numbers: they leave gaps and overlap.
func anyBatch(random *rand.Rand) app.Batch {
	logs := make([]app.Log, 1+random.IntN(5))
	for i := range logs {
		logs[i] = LogAt(0, "a")
	}
	b := Batch(fmt.Sprint("shipper-", random.IntN(3)), 1+random.Uint64N(300), logs...)
	if random.IntN(4) == 0 {
		b.Shipper, b.Foreign = fmt.Sprint("logs.", random.IntN(2)), true
	}
	if random.IntN(3) == 0 {
		b.Accepted = b.Last() + random.Uint64N(20)
	}
	return b
}

func expectSameLook(t *testing.T, ledger Ledger, settle time.Duration) {
	t.Helper()
	whole, err := ledger.Ledger(t.Context(), app.LedgerQuery{Settle: settle})
	if err != nil {
		t.Fatal(err)
	}
	look, err := ledger.Look(t.Context(), settle)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := summedUp(look), summedUp(whole); !slices.Equal(got, want) {
		t.Fatalf("settle %s: a look tells\n%v\nand the ledger\n%v", settle, got, want)
	}
}

// summedUp is what a summary takes of each shipper that it takes something of.
func summedUp(state app.LedgerState) (lines []string) {
	for _, s := range state.Shippers {
		if s.Foreign || s.Accepted == 0 && s.Reach == 0 { // a look may not know of another producer with nothing to tell
			s.Foreign, s.Reach, s.Accepted = true, 0, 0
			if s.Duplicates+s.Quarantined+s.Replayed+s.Discarded == 0 {
				continue
			}
		}
		lines = append(lines, fmt.Sprint(s.Shipper, s.Accepted, s.Reach, s.Gaps, s.Settling, s.Overlaps, s.Duplicates, s.Quarantined, s.Replayed, s.Discarded))
	}
	slices.Sort(lines)
	return lines
}
