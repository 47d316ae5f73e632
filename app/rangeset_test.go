package app_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"millrace/app"
)

// A set of runs is what a set of single numbers is.
func TestARangeSetIsASetOfNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var set app.RangeSet
		var numbers [61]bool
		for range random.IntN(20) {
			from := 1 + random.Uint64N(50)
			run := app.Range{From: from, To: from + random.Uint64N(10)}
			var want []app.Range
			for n := run.From; n <= run.To; n++ {
				if numbers[n] {
					want = appendNumber(want, n)
				}
				numbers[n] = true
			}
			if there := set.Add(run); !slices.Equal(there, want) {
				t.Fatalf("of %v there were %v, want %v", run, there, want)
			}
		}
		var runs, holes []app.Range
		for n := uint64(1); n < uint64(len(numbers)); n++ {
			switch {
			case numbers[n]:
				runs = appendNumber(runs, n)
			case n < set.Last():
				holes = appendNumber(holes, n)
			}
		}
		if !slices.Equal(set.Runs(), runs) || !slices.Equal(set.Holes(), holes) {
			t.Fatalf("runs %v, want %v; holes %v, want %v", set.Runs(), runs, set.Holes(), holes)
		}
		if again := app.NewRangeSet(runs...); !slices.Equal(again.Runs(), runs) {
			t.Fatalf("%v became %v", runs, again.Runs())
		}
	}
}

// appendNumber adds a number behind all runs.
func appendNumber(runs []app.Range, n uint64) []app.Range {
	if last := len(runs) - 1; last >= 0 && runs[last].To+1 == n {
		runs[last].To = n
		return runs
	}
	return append(runs, app.Range{From: n, To: n})
}
