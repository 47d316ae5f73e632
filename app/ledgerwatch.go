package app

import (
	"context"
	"time"
)

// LedgerSummary is the ledger of all shippers together.
type LedgerSummary struct {
	Gaps, Missing       uint64 // runs of missing numbers, and the numbers in them
	Overlaps, Doubled   uint64 // runs of numbers that two batches have, and the numbers in them
	Pending, Duplicates uint64

	Quarantined, Replayed, Discarded uint64 // logs
}

// add adds one shipper.
func (sum *LedgerSummary) add(s ShipperLedger) {
	sum.Gaps += s.Gaps.Count
	sum.Missing += s.Gaps.Logs
	sum.Overlaps += s.Overlaps.Count
	sum.Doubled += s.Overlaps.Logs
	sum.Pending += s.Pending
	sum.Duplicates += s.Duplicates
	sum.Quarantined += s.Quarantined
	sum.Replayed += s.Replayed
	sum.Discarded += s.Discarded
}

// How often a watch looks through the ledger or the quarantine: every watchEvery,
// and, as these grow, so seldom that looking takes no more than one part in
// watchShare of one connection's time.
const (
	watchEvery = 15 * time.Second
	watchShare = 50
)

// LedgerLooker reads the ledger again and again. Safe for concurrent use, also
// by several processes.
type LedgerLooker interface {
	// Look returns of every shipper what LedgerReader.Ledger has and
	// LedgerSummary sums up. It reads only the batches that were stored since
	// anybody looked last, so that it costs the same however long the ledger is;
	// a row that was taken from the ledger behind its back it does not miss.
	Look(ctx context.Context, settle time.Duration) (LedgerState, error)
}

// LedgerWatch looks through the ledger again and again.
type LedgerWatch struct {
	ledger   LedgerLooker
	shippers ShipperStates
	observe  func(sum LedgerSummary, took time.Duration, err error)
}

// NewLedgerWatch returns a watch that tells observe what it found, or why it
// could not look. It asks the shippers, which may be nil, as NewLedger does.
func NewLedgerWatch(ledger LedgerLooker, shippers ShipperStates, observe func(LedgerSummary, time.Duration, error)) *LedgerWatch {
	return &LedgerWatch{ledger: ledger, shippers: shippers, observe: observe}
}

// Run looks until ctx ends.
func (w *LedgerWatch) Run(ctx context.Context) error {
	return lookAgain(ctx, func(began time.Time) {
		sum, err := w.look(ctx)
		if ctx.Err() == nil {
			w.observe(sum, time.Since(began), err)
		}
	})
}

func (w *LedgerWatch) look(ctx context.Context) (sum LedgerSummary, err error) {
	asked := ask(ctx, w.shippers)
	state, err := w.ledger.Look(ctx, DefaultSettle)
	if err != nil {
		return LedgerSummary{}, err
	}
	all := merge(state.Shippers, asked, "")
	for i := range all {
		all[i].settle()
		sum.add(all[i])
	}
	return sum, nil
}

// lookAgain looks at something, again and again until ctx ends, at a bounded
// share of the time.
func lookAgain(ctx context.Context, look func(began time.Time)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		began := time.Now()
		look(began)
		timer.Reset(max(watchEvery, watchShare*time.Since(began)))
	}
}
