package app

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// VerifyReport is told how a verification goes. An error of either ends it.
type VerifyReport struct {
	Finding  func(Finding) error
	Progress func(VerifyProgress) error
}

// VerifyProgress says how much of the rows has been counted.
type VerifyProgress struct {
	Days int    `json:"days"` // counted so far
	Of   int    `json:"of"`
	Rows uint64 `json:"rows"`
}

// Kinds of a Finding. All but FindUnchecked are faults.
const (
	FindGap       = "gap"       // numbers that no batch has and quarantine has not either
	FindOverlap   = "overlap"   // numbers that two batches have
	FindMissing   = "missing"   // a batch is in the ledger, rows of it are not there
	FindSurplus   = "surplus"   // a batch has more rows than were stored
	FindMixed     = "mixed"     // as many rows as were stored, but one is there twice and another is not
	FindUnfilled  = "unfilled"  // a batch was stored with fewer logs than it has, and the rest is not in quarantine
	FindStray     = "stray"     // rows whose batch is not in the ledger
	FindUnchecked = "unchecked" // a batch whose days were dropped, wholly or in part
)

// Finding is one thing that is not as it must be, or that cannot be told any
// more.
type Finding struct {
	Kind    string  `json:"kind"`
	Shipper string  `json:"shipper,omitempty"`
	Batch   string  `json:"batch,omitempty"` // its id; for strays its number
	Range           // the numbers concerned; of a batch, all of its
	Logs    uint64  `json:"logs"`              // how many are missing, twice, stray or unchecked
	Numbers []Range `json:"numbers,omitempty"` // of a batch, the numbers that are missing or twice, where that is known
}

// String says it in one line, which begins with what it means.
func (f Finding) String() string {
	logs := fmt.Sprintf("%d logs", f.Logs)
	if f.Logs == 1 {
		logs = "1 log"
	}
	batch := Printable(f.Batch)
	where := fmt.Sprintf("shipper %s, %s: ", Printable(f.Shipper), f.Range)
	switch f.Kind {
	case FindGap:
		return "missing: " + where + logs + " that no batch has"
	case FindOverlap:
		return "twice: " + where + logs + " that two batches have"
	case FindMissing:
		return "missing: " + where + logs + " of batch " + batch + f.numbers()
	case FindSurplus:
		return "twice: " + where + logs + " of batch " + batch + f.numbers()
	case FindMixed:
		return "missing: " + where + "logs of batch " + batch + f.numbers() + "; others are there twice"
	case FindUnfilled:
		return "missing: " + where + logs + " of batch " + batch + " that were neither stored nor quarantined"
	case FindStray:
		return "stray: " + logs + " of batch number " + batch + ", which the ledger does not know"
	default:
		return "unchecked: " + where + logs + " of batch " + batch + ", whose days were dropped"
	}
}

// Printable quotes a text that a terminal would not merely show: whoever may
// write to Kafka may name a shipper.
func Printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// numbers names the numbers, as far as they are known.
func (f Finding) numbers() string {
	if len(f.Numbers) == 0 {
		return ""
	}
	names := make([]string, len(f.Numbers))
	for i, r := range f.Numbers {
		names[i] = r.String()
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// maxNumbers is how many runs of numbers a Finding names.
const maxNumbers = 20

// Misplaced returns which numbers of a batch of n logs, the first of which is
// first, are missing among the places, which are in order; or, with twice,
// which are there more than once. It names the first runs of them.
func Misplaced(first uint64, n int, places []int, twice bool) []Range {
	var runs []Range
	add := func(place int) {
		number := first + uint64(place)
		if last := len(runs) - 1; last >= 0 && runs[last].To+1 == number {
			runs[last].To = number
		} else if len(runs) < maxNumbers {
			runs = append(runs, Range{number, number})
		}
	}
	at := 0
	for place := range n {
		there := 0
		for ; at < len(places) && places[at] == place; at++ {
			there++
		}
		if twice && there > 1 || !twice && there == 0 {
			add(place)
		}
	}
	return runs
}

// Verification is what came of a verification.
type Verification struct {
	At        time.Time         `json:"at"`
	Whole     bool              `json:"whole"`   // nothing is missing, nothing there twice
	Batches   uint64            `json:"batches"` // compared with their rows
	Rows      uint64            `json:"rows"`    // that these have
	Missing   uint64            `json:"missing"` // logs
	Surplus   uint64            `json:"surplus"` // logs there twice, or without a batch
	Unchecked Unchecked         `json:"unchecked"`
	KeptFrom  time.Time         `json:"kept_from,omitzero"` // rows of earlier days are dropped
	Findings  map[string]uint64 `json:"findings"`           // by kind, also those that were not handed out
	Shippers  []ShipperLedger   `json:"shippers"`
}

// VerifyLine is one line of a verification's stream: one of its members is
// there. The last is a Result or an Error.
type VerifyLine struct {
	Progress *VerifyProgress `json:"progress,omitempty"`
	Finding  *Finding        `json:"finding,omitempty"`
	Result   *Verification   `json:"result,omitempty"`
	Error    string          `json:"error,omitempty"`
}

// Tally counts findings, and hands out the first of each kind.
type Tally struct {
	Verification
	report VerifyReport
}

// NewTally begins a verification.
func NewTally(report VerifyReport) *Tally {
	return &Tally{Verification: Verification{Whole: true, Findings: map[string]uint64{}}, report: report}
}

// Lists tells whether one more finding of a kind would be handed out.
func (t *Tally) Lists(kind string) bool { return t.Findings[kind] < MaxListed }

// Add takes a finding. Logs of FindMixed count as missing and as surplus.
func (t *Tally) Add(f Finding) error {
	switch f.Kind {
	case FindUnchecked:
		t.Unchecked.Batches++
		t.Unchecked.Logs += f.Logs
	case FindOverlap, FindSurplus, FindStray:
		t.Surplus += f.Logs
	case FindMixed:
		t.Surplus += f.Logs
		t.Missing += f.Logs
	default:
		t.Missing += f.Logs
	}
	if f.Kind != FindUnchecked {
		t.Whole = false
	}
	listed := t.Lists(f.Kind)
	t.Findings[f.Kind]++
	if listed && t.report.Finding != nil {
		return t.report.Finding(f)
	}
	return nil
}

// AddRanges takes all the gaps or overlaps of a shipper, of which only the
// first are named.
func (t *Tally) AddRanges(kind, shipper string, ranges Ranges) error {
	named := uint64(0)
	for _, r := range ranges.First {
		named += r.Count()
		if err := t.Add(Finding{Kind: kind, Shipper: shipper, Range: r, Logs: r.Count()}); err != nil {
			return err
		}
	}
	t.Findings[kind] += ranges.Count - uint64(len(ranges.First))
	if kind == FindOverlap {
		t.Surplus += ranges.Logs - named
	} else {
		t.Missing += ranges.Logs - named
	}
	return nil
}

// Progress tells how far it is.
func (t *Tally) Progress(p VerifyProgress) error {
	if t.report.Progress == nil {
		return nil
	}
	return t.report.Progress(p)
}

// BatchRows is a batch of the ledger beside what was counted of it.
type BatchRows struct {
	BatchHead
	Stored    int       // logs written when it was stored
	Outside   int       // of these, logs whose days are never dropped
	FirstTime time.Time // the oldest of its logs' own times
	Set       uint64    // logs of its range that are, or were, in quarantine
	Rows      int       // rows found
	Places    uint64    // the sum of the places they have in the batch
}

// Compare judges a batch by its rows; ok is false when all is well. keptFrom
// is the beginning of the oldest day that is kept: what is missing of a batch
// that reaches further back may have been dropped with its day.
func (b BatchRows) Compare(keptFrom time.Time) (f Finding, ok bool) {
	f = Finding{Shipper: b.Shipper, Batch: b.ID(), Range: Range{b.First, b.Last()}}
	if b.Foreign {
		f.Range = Range{b.First, b.First}
	}
	short := b.Stored - b.Rows
	n := uint64(b.Stored)
	switch {
	case short > 0 && short <= b.Stored-b.Outside && b.FirstTime.Before(keptFrom):
		f.Kind, f.Logs = FindUnchecked, uint64(short)
	case short > 0:
		f.Kind, f.Logs = FindMissing, uint64(short)
	case short < 0:
		f.Kind, f.Logs = FindSurplus, uint64(-short)
	case b.Stored == b.Count && b.Places != n*(n-1)/2:
		f.Kind, f.Logs = FindMixed, 1
	case b.Stored < b.Count && uint64(b.Stored)+b.Set < uint64(b.Count):
		f.Kind, f.Logs = FindUnfilled, uint64(b.Count)-uint64(b.Stored)-b.Set
	default:
		return Finding{}, false
	}
	return f, true
}
