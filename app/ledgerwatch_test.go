package app_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"millrace/app"
)

// slowReader takes its time over the ledger.
type slowReader struct {
	takes atomic.Int64 // a time.Duration
	away  atomic.Bool
}

func (s *slowReader) Look(context.Context, time.Duration) (app.LedgerState, error) {
	time.Sleep(time.Duration(s.takes.Load()))
	if s.away.Load() {
		return app.LedgerState{}, errors.New("away")
	}
	return app.LedgerState{Shippers: []app.ShipperLedger{
		{Shipper: "a", Reach: 10, Gaps: app.Ranges{Count: 1, Logs: 4}, Quarantined: 2},
		{Shipper: "b", Reach: 10, Overlaps: app.Ranges{Count: 2, Logs: 3}, Duplicates: 5},
	}}, nil
}

func TestTheLedgerIsWatchedAtABoundedCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &slowReader{}
		reader.takes.Store(int64(10 * time.Millisecond))
		var looks, failures atomic.Int64
		var last atomic.Pointer[app.LedgerSummary]
		watch := app.NewLedgerWatch(reader, nil, func(sum app.LedgerSummary, _ time.Duration, err error) {
			looks.Add(1)
			if err != nil {
				failures.Add(1)
				return
			}
			last.Store(&sum)
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- watch.Run(ctx) }()
		in := func(d time.Duration) int64 {
			before := looks.Load()
			time.Sleep(d)
			synctest.Wait()
			return looks.Load() - before
		}
		if n := in(time.Minute); n < 4 || n > 5 {
			t.Errorf("a small ledger is looked through %d times a minute", n)
		}
		want := app.LedgerSummary{Gaps: 1, Missing: 4, Overlaps: 2, Doubled: 3, Duplicates: 5, Quarantined: 2}
		if *last.Load() != want {
			t.Errorf("%+v, want %+v", *last.Load(), want)
		}
		reader.takes.Store(int64(10 * time.Second))
		if n := in(time.Hour); n > 8 {
			t.Errorf("a ledger that takes 10 s is looked through %d times an hour", n)
		}
		reader.away.Store(true)
		if in(time.Hour); failures.Load() == 0 || *last.Load() != want {
			t.Errorf("%d failures, %+v", failures.Load(), *last.Load())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
