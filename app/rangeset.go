package app

import "slices"

// RangeSet is a set of numbers as the runs that they make. The zero RangeSet is
// empty. Not safe for concurrent use.
type RangeSet struct{ runs []Range } // in order, none touching the next

// NewRangeSet returns the set of the numbers of some runs.
func NewRangeSet(runs ...Range) RangeSet {
	var s RangeSet
	for _, r := range runs {
		s.Add(r)
	}
	return s
}

// Runs returns the runs in order. They are the set's own.
func (s *RangeSet) Runs() []Range { return s.runs }

// Add adds a run, and returns the parts of it that were there. It is quick at
// the end of the set, and otherwise takes as long as moving what is behind.
func (s *RangeSet) Add(r Range) (there []Range) {
	// The runs from low up to high touch r or have numbers of it.
	low, _ := slices.BinarySearchFunc(s.runs, r, func(run, r Range) int {
		if run.To+1 < r.From {
			return -1
		}
		return 1
	})
	high := low
	whole := r
	for ; high < len(s.runs) && s.runs[high].From <= r.To+1; high++ {
		run := s.runs[high]
		if from, to := max(run.From, r.From), min(run.To, r.To); from <= to {
			there = append(there, Range{from, to})
		}
		whole.From, whole.To = min(whole.From, run.From), max(whole.To, run.To)
	}
	s.runs = slices.Replace(s.runs, low, high, whole)
	return there
}

// Clone returns a set of its own.
func (s *RangeSet) Clone() RangeSet { return RangeSet{slices.Clone(s.runs)} }

// Last returns the largest number, 0 of an empty set.
func (s *RangeSet) Last() uint64 {
	if len(s.runs) == 0 {
		return 0
	}
	return s.runs[len(s.runs)-1].To
}

// Holes are the numbers from 1 up to the last that are not in the set.
func (s *RangeSet) Holes() (holes []Range) {
	next := uint64(1)
	for _, run := range s.runs {
		if run.From > next {
			holes = append(holes, Range{next, run.From - 1})
		}
		next = run.To + 1
	}
	return holes
}

// add counts a run, and names it when it is one of the first.
func (r *Ranges) add(run Range) {
	r.Count++
	r.Logs += run.Count()
	if len(r.First) < MaxListed {
		r.First = append(r.First, run)
	}
}

// RangesOf counts runs, which are in order, and names the first of them.
func RangesOf(runs []Range) Ranges {
	ranges := Ranges{First: []Range{}}
	for _, run := range runs {
		ranges.add(run)
	}
	return ranges
}
