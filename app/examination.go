package app

import (
	"fmt"
	"time"
)

// Verdict says how much a finding about a server matters.
type Verdict string

// The verdicts.
const (
	VerdictFine   Verdict = "fine"
	VerdictUnset  Verdict = "unset"  // it is not set, and was not looked at
	VerdictBetter Verdict = "better" // it works, and would be better otherwise
	VerdictWrong  Verdict = "WRONG"  // logs will be refused, lost or not stored
)

// Diagnosis is what was found of one thing that Millrace uses.
type Diagnosis struct {
	About   string // Kafka, PostgreSQL, …
	Verdict Verdict
	Finding string
	Advice  string // what to change, and where; empty when nothing
}

// Examination gathers what is found of one thing.
type Examination struct {
	about string
	found []Diagnosis
}

// NewExamination begins an examination of a thing of a name.
func NewExamination(about string) *Examination { return &Examination{about: about} }

// Found returns what was found so far.
func (e *Examination) Found() []Diagnosis { return e.found }

// Fine notes what is as it should be.
func (e *Examination) Fine(format string, args ...any) { e.note(VerdictFine, "", format, args) }

// Unset notes what was not looked at, since no setting names it.
func (e *Examination) Unset(format string, args ...any) { e.note(VerdictUnset, "", format, args) }

// Better notes what works, with what would be better.
func (e *Examination) Better(advice, format string, args ...any) {
	e.note(VerdictBetter, advice, format, args)
}

// Wrong notes what will not do, with what to change.
func (e *Examination) Wrong(advice, format string, args ...any) {
	e.note(VerdictWrong, advice, format, args)
}

func (e *Examination) note(verdict Verdict, advice, format string, args []any) {
	e.found = append(e.found, Diagnosis{e.about, verdict, fmt.Sprintf(format, args...), advice})
}

// Counted is a number with what it counts, as people say it.
func Counted(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}

const (
	// skewNoticed is beyond what NTP leaves, and below what a reader of logs
	// from two machines would stumble over.
	skewNoticed = time.Second
	// skewWrong is a clock that nobody sets.
	skewWrong = time.Minute
)

// Clock compares a server's clock with this machine's: the server told theirs
// between asked and answered.
func (e *Examination) Clock(theirs, asked, answered time.Time) {
	const advice = "let both machines set their clocks by NTP: times of logs, retention and the order of pages go by them"
	skew := time.Duration(0)
	if theirs.Before(asked) {
		skew = theirs.Sub(asked)
	} else if theirs.After(answered) {
		skew = theirs.Sub(answered)
	}
	ahead := "ahead of"
	if skew < 0 {
		ahead = "behind"
	}
	switch size := skew.Abs().Round(time.Millisecond); {
	case size > skewWrong:
		e.Wrong(advice, "its clock is %s %s this machine's", size, ahead)
	case size > skewNoticed:
		e.Better(advice, "its clock is %s %s this machine's", size, ahead)
	default:
		e.Fine("its clock is this machine's")
	}
}
