package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one measured ratio and its bar. A figure without a bar (0) is there
// to be known.
type figure struct {
	Name   string  `json:"name"`
	Ours   float64 `json:"ours"`   // in Unit
	Theirs float64 `json:"theirs"` // of what we compare with, in Unit
	Unit   string  `json:"unit"`
	Ratio  float64 `json:"ratio"`
	Bar    float64 `json:"bar"`
	Passed bool    `json:"passed"`
}

// report gathers figures.
type report struct {
	figures []figure
	load    float64 // the machine's load average when the run began
}

// quietLoad is what a machine with nothing else to do may have.
const quietLoad = 0.5

// begin notes how busy the machine is with other things, and warns. Taking turns
// does not make up for it: what waits for many fsyncs may lose more by it than
// what shares a few, and a ratio then flatters us.
func (r *report) begin() error {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(text), &r.load); err != nil {
		return fmt.Errorf("/proc/loadavg: %w", err)
	}
	if r.load > quietLoad {
		fmt.Printf("the machine has other work (load average %.2f): the figures will be no good to quote\n", r.load)
	}
	return nil
}

// add adds a figure whose ratio should reach the bar.
func (r *report) add(name, unit string, ours, theirs, ratio, bar float64) {
	f := figure{name, ours, theirs, unit, ratio, bar, ratio >= bar}
	r.figures = append(r.figures, f)
	fmt.Printf("%s: %.4g against %.4g %s, %.4g to 1, bar %.4g\n", f.Name, f.Ours, f.Theirs, f.Unit, f.Ratio, f.Bar)
}

// addSpeed adds a figure in logs a second.
func (r *report) addSpeed(name string, ours, theirs, bar float64) {
	r.add(name, "logs/s", ours, theirs, ours/theirs, bar)
}

// addCost adds a figure of which less is better.
func (r *report) addCost(name, unit string, ours, theirs, bar float64) {
	r.add(name, unit, ours, theirs, theirs/ours, bar)
}

// addLatency adds a time that must not be exceeded.
func (r *report) addLatency(name string, took, limit time.Duration) {
	r.addCost(name, "ms", float64(took)/1e6, float64(limit)/1e6, 1)
}

// addFigure adds a figure that is compared with nothing.
func (r *report) addFigure(name, unit string, value float64) {
	r.figures = append(r.figures, figure{Name: name, Ours: value, Unit: unit, Passed: true})
	fmt.Printf("%s: %.4g %s\n", name, value, unit)
}

// finish prints the table and writes the file.
func (r *report) finish(path string) error {
	if err := r.print(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(map[string]any{
		"time": time.Now().UTC().Format(time.RFC3339), "go": runtime.Version(), "cores": runtime.NumCPU(), "load": r.load, "figures": r.figures,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

func (r *report) print() error {
	var table strings.Builder
	table.WriteString("\nfigure\tours\tcompared with\tunit\tratio\tbar\t\n")
	for _, f := range r.figures {
		verdict := "reached"
		switch {
		case f.Bar == 0:
			verdict = ""
		case !f.Passed:
			verdict = "NOT REACHED"
		}
		if f.Theirs == 0 {
			fmt.Fprintf(&table, "%s\t%.4g\t\t%s\t\t\t\n", f.Name, f.Ours, f.Unit)
			continue
		}
		fmt.Fprintf(&table, "%s\t%.4g\t%.4g\t%s\t%.4g\t%.4g\t%s\n", f.Name, f.Ours, f.Theirs, f.Unit, f.Ratio, f.Bar, verdict)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	if _, err := io.WriteString(w, table.String()); err != nil {
		return err
	}
	return w.Flush()
}
