package app_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/app"
)

// fakeReader is a ledger with some shippers in it.
type fakeReader struct {
	app.LedgerReader
	shippers []app.ShipperLedger
}

func (f fakeReader) Ledger(context.Context, app.LedgerQuery) (app.LedgerState, error) {
	return app.LedgerState{Shippers: slices.Clone(f.shippers)}, nil
}

type fakeStates []app.ShipperAnswer

func (f fakeStates) States(context.Context) []app.ShipperAnswer { return f }

func TestAReportJoinsTheLedgerAndTheShippers(t *testing.T) {
	reader := fakeReader{shippers: []app.ShipperLedger{
		{Shipper: "live", Stored: 8, Reach: 10, Accepted: 12, Settling: app.Ranges{Count: 1, Logs: 2}},
		{Shipper: "behind", Stored: 10, Reach: 10},
		{Shipper: "gone", Stored: 7, Reach: 8, Accepted: 9, Gaps: app.Ranges{Count: 1, Logs: 1}},
		{Shipper: "logs.0", Foreign: true, Stored: 5, Reach: 99},
	}}
	states := fakeStates{
		{State: &app.ShipperState{ID: "live", Accepted: 40, Sealed: 30, Shipped: 20}},
		{State: &app.ShipperState{ID: "behind", Accepted: 4, Sealed: 3, Shipped: 2}}, // asked before the ledger was read
		{State: &app.ShipperState{ID: "new", Accepted: 3}},
		{Error: "connection refused"},
	}
	report, err := app.NewLedger(reader, states).Report(t.Context(), app.LedgerQuery{})
	if err != nil || report.Whole || report.Total != 5 || len(report.Asked) != 4 {
		t.Fatalf("%+v, %v", report, err)
	}
	type figures struct {
		accepted, sealed, shipped, pending uint64
		live                               bool
	}
	want := map[string]figures{
		"live":   {40, 30, 20, 32, true},
		"behind": {10, 10, 10, 0, true},
		"gone":   {9, 8, 8, 1, false},
		"logs.0": {5, 5, 5, 0, false},
		"new":    {3, 0, 0, 3, true},
	}
	for _, s := range report.Shippers {
		if got := (figures{s.Accepted, s.Sealed, s.Shipped, s.Pending, s.Live}); got != want[s.Shipper] {
			t.Errorf("%s: %+v, want %+v", s.Shipper, got, want[s.Shipper])
		}
	}
}

func TestAShipperThatNobodyKnowsIsNotFound(t *testing.T) {
	states := fakeStates{{State: &app.ShipperState{ID: "new", Accepted: 3}}}
	if _, err := app.NewLedger(fakeReader{}, states).Report(t.Context(), app.LedgerQuery{Shipper: "x"}); app.KindOf(err) != app.KindNotFound {
		t.Errorf("got %v", err)
	}
	if report, err := app.NewLedger(fakeReader{}, states).Report(t.Context(), app.LedgerQuery{Shipper: "new"}); err != nil || len(report.Shippers) != 1 || !report.Whole {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestABatchIsJudgedByItsRows(t *testing.T) {
	kept := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		count, stored, outside, rows int
		set, places                  uint64
		before                       bool // it reaches back beyond what is kept
		kind                         string
		logs                         uint64
	}{
		"all there":                          {count: 4, stored: 4, rows: 4, places: 6},
		"all there of an old one":            {count: 4, stored: 4, rows: 4, places: 6, before: true},
		"one missing":                        {count: 4, stored: 4, rows: 3, kind: app.FindMissing, logs: 1},
		"all dropped":                        {count: 4, stored: 4, before: true, kind: app.FindUnchecked, logs: 4},
		"some dropped":                       {count: 4, stored: 4, outside: 1, rows: 2, before: true, kind: app.FindUnchecked, logs: 2},
		"more gone than its days could hold": {count: 4, stored: 4, outside: 2, rows: 1, before: true, kind: app.FindMissing, logs: 3},
		"outside of all days, none dropped":  {count: 4, stored: 4, outside: 4, rows: 3, before: true, kind: app.FindMissing, logs: 1},
		"one too many":                       {count: 4, stored: 4, rows: 5, kind: app.FindSurplus, logs: 1},
		"one twice, another missing":         {count: 4, stored: 4, rows: 4, places: 5, kind: app.FindMixed, logs: 1},
		"the rest is quarantined":            {count: 4, stored: 2, rows: 2, set: 2, places: 3},
		"the rest is nowhere":                {count: 4, stored: 2, rows: 2, set: 1, places: 3, kind: app.FindUnfilled, logs: 1},
		"one of one":                         {count: 1, stored: 1, rows: 1},
	} {
		first := kept
		if c.before {
			first = kept.Add(-1)
		}
		got, found := app.BatchRows{
			BatchHead: app.BatchHead{Shipper: "k", First: 7, Count: c.count}, Stored: c.stored, Outside: c.outside,
			FirstTime: first, Set: c.set, Rows: c.rows, Places: c.places,
		}.Compare(kept)
		if found != (c.kind != "") || got.Kind != c.kind || got.Logs != c.logs || found && (got.Batch != "k-7" || got.From != 7) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestMisplacedNamesNumbers(t *testing.T) {
	for _, c := range []struct {
		places       []int
		absent, more string
	}{
		{[]int{0, 1, 2, 3, 4, 5}, "[]", "[]"},
		{nil, "[11-16]", "[]"},
		{[]int{1, 3, 4}, "[11 13 16]", "[]"},
		{[]int{0, 0, 1, 1, 2, 3, 4, 5, 5, 5}, "[]", "[11-12 16]"},
		{[]int{0, 2, 2, 3, 4, 5}, "[12]", "[13]"},
	} {
		text := func(ranges []app.Range) string {
			names := []string{}
			for _, r := range ranges {
				names = append(names, r.String())
			}
			return "[" + strings.Join(names, " ") + "]"
		}
		if got := text(app.Misplaced(11, 6, c.places, false)); got != c.absent {
			t.Errorf("%v lacks %s, want %s", c.places, got, c.absent)
		}
		if got := text(app.Misplaced(11, 6, c.places, true)); got != c.more {
			t.Errorf("%v has %s twice, want %s", c.places, got, c.more)
		}
	}
	odd := make([]int, 500)
	for i := range odd {
		odd[i] = 2 * i
	}
	if got := app.Misplaced(1, 1000, odd, false); len(got) != 20 || got[19] != (app.Range{From: 40, To: 40}) {
		t.Errorf("%d runs, %v", len(got), got)
	}
}
