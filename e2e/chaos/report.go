package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// event is something that was done or that happened.
type event struct {
	At     float64 `json:"at"` // seconds since the beginning
	Until  float64 `json:"until,omitempty"`
	Target string  `json:"target"`
	What   string  `json:"what"`
}

func (e event) String() string {
	if e.Until == 0 {
		return fmt.Sprintf("%7.1f s          %-22s %s", e.At, e.Target, e.What)
	}
	return fmt.Sprintf("%7.1f s %6.1f s %-22s %s", e.At, e.Until-e.At, e.Target, e.What)
}

// diary keeps the events in order. Safe for concurrent use.
type diary struct {
	began  time.Time
	mu     sync.Mutex
	events []event
}

// begin starts the clock. What was noted before counts as the beginning.
func (d *diary) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.began = time.Now()
	for i := range d.events {
		d.events[i].At, d.events[i].Until = 0, 0
	}
}

// note adds an event that happens now, or that began at e.At and ends now.
func (d *diary) note(e event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Since(d.began).Seconds()
	if e.At == 0 {
		e.At = now
	} else {
		e.Until = now
	}
	d.events = append(d.events, e)
	slices.SortStableFunc(d.events, func(a, b event) int { return int((a.At - b.At) * 1e6) })
}

// all returns the events.
func (d *diary) all() []event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// report is what came of a run.
type report struct {
	Seed        uint64    `json:"seed"`
	Again       string    `json:"again"` // the command that does the same
	Began       time.Time `json:"began"`
	Seconds     float64   `json:"seconds"`
	Acknowledge string    `json:"acknowledge"`
	Plan        []step    `json:"plan"`
	Events      []event   `json:"events"`
	Drained     float64   `json:"drained_seconds"` // how long it took to drain after the last fault
	Findings    findings  `json:"findings"`
	Verify      string    `json:"verify"`
	Failures    []string  `json:"failures"` // what must not be; empty when all is well
}

// write writes the report into a folder, as report.json and report.txt, and
// returns the text.
func (r *report) write(dir string) (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	text := r.text(dir)
	if err := os.WriteFile(filepath.Join(dir, "report.json"), append(data, '\n'), 0o644); err != nil {
		return "", err
	}
	return text, os.WriteFile(filepath.Join(dir, "report.txt"), []byte(text), 0o644)
}

func (r *report) text(dir string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("what was done, and what happened")
	for _, e := range r.Events {
		line("  %s", e)
	}
	f := r.Findings
	line("")
	line("seed %d, acknowledge %s, %.0f s, drained after %.1f s; again: %s", r.Seed, r.Acknowledge, r.Seconds, r.Drained, r.Again)
	line("requests   %9d   acked %d, refused %d, unanswered %d", f.Requests, f.AckedRequests, f.RefusedRequests, f.UnknownRequests)
	line("logs sent  %9d   acked %d, refused %d, unanswered %d", f.Sent, f.Acked, f.Refused, f.Unknown)
	line("found      %9d   of them acked %d, refused %d, unanswered %d; set aside %d", f.Found, f.FoundAcked, f.FoundRefused, f.FoundUnknown, f.Aside)
	line("missing    %9d", f.Missing)
	line("duplicates %9d", f.Duplicates)
	line("damaged    %9d", f.Damaged)
	line("ledger     %9d batches and %d quarantined items of %d shippers, %d logs, %d gaps", f.Ledger.Batches, f.Ledger.Aside, f.Ledger.Shippers, f.Ledger.Logs, len(f.Ledger.Gaps))
	line("verify     %s", r.Verify)
	for _, answer := range sorted(f.Answers) {
		line("  %5d times %.200s", f.Answers[answer], answer)
	}
	for _, loss := range f.Losses {
		line("LOST %s", loss)
	}
	for _, failure := range r.Failures {
		line("FAILED %s", failure)
	}
	if len(r.Failures) == 0 {
		line("nothing acknowledged is lost, nothing is stored twice")
	}
	line("report and output of every process: %s", dir)
	return b.String()
}
