package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"
)

// progress shows how far a run is: one line that changes on a terminal, and
// elsewhere a line from time to time.
type progress struct {
	out   io.Writer
	live  bool
	every time.Duration
	last  time.Time
	width int
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, every: 10 * time.Second}
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.live, p.every = true, 200*time.Millisecond
	}
	return p
}

func (p *progress) show(format string, args ...any) {
	if time.Since(p.last) < p.every {
		return
	}
	p.last = time.Now()
	line := fmt.Sprintf(format, args...)
	if !p.live {
		p.write(line + "\n")
		return
	}
	p.write(fmt.Sprintf("\r%-*s", p.width, line))
	p.width = len(line)
}

// write writes where nothing depends on it.
func (p *progress) write(text string) { _, _ = io.WriteString(p.out, text) }

func (p *progress) end() {
	if p.live {
		p.write("\n")
	}
}

func (p *progress) sending(cfg config, began time.Time) func(*tally) {
	p.last = began
	return func(t *tally) {
		p.show("%4.0f s  %d of %d requests  %d accepted  %d refused  %d failed  mean %s  worst %s",
			time.Since(began).Seconds(), t.latency.Requests, cfg.requests, t.requests[accepted], t.requests[refused], t.requests[unknown],
			rounded(t.latency.Latencies.Total/time.Duration(t.latency.Requests)), rounded(t.latency.Latencies.Max))
	}
}

func (p *progress) storing(t *tally) func(*found) {
	return func(f *found) { p.show("%d of %d accepted logs are stored", f.logs, t.logs(accepted)) }
}

// report returns the table.
func report(t *tally, stored *found, s shortage, c counters, took time.Duration) string {
	var rows strings.Builder
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&rows, "%s\t%s\n", what, fmt.Sprintf(format, args...))
	}
	row("requests", "%d in %.1f s, %.0f/s", t.latency.Requests, took.Seconds(), float64(t.latency.Requests)/took.Seconds())
	row("accepted", "%d logs", t.logs(accepted))
	row("refused", "%d logs", t.logs(refused))
	if t.requests[unknown] > 0 {
		row("unknown", "%d logs: the connection or the shipper failed before it answered", t.logs(unknown))
	}
	if c.dropped > 0 {
		row("dropped", "%.0f logs, by the shippers (batching-when-full is drop)", c.dropped)
	}
	row("batches", "%.0f, of all senders in this time", c.batches)
	if c.batches > 0 {
		row("average batch", "%.1f logs", c.sent/c.batches)
	}
	row("Kafka requests", "%.0f, %.0f failed; without batching %.0f", c.requests, c.failures, c.sent)
	row("stored", "%d logs", stored.logs)
	l := t.latency.Latencies
	row("latency", "mean %s  50%% %s  90%% %s  95%% %s  99%% %s  max %s",
		rounded(l.Mean), rounded(l.P50), rounded(l.P90), rounded(l.P95), rounded(l.P99), rounded(l.Max))
	for _, reason := range slices.Sorted(maps.Keys(t.reasons)) {
		row(fmt.Sprintf("%d times", t.reasons[reason]), "%s", reason)
	}
	if n := len(s.missing); n > 0 {
		row("MISSING", "%d accepted logs: numbers %s", n, ranges(s.missing))
	}
	if n := len(s.twice); n > 0 {
		row("TWICE", "%d logs: numbers %s", n, ranges(s.twice))
	}
	if n := len(s.unwanted); n > 0 {
		row("UNWANTED", "%d logs of refused requests are stored: numbers %s", n, ranges(s.unwanted))
	}
	if s.alien > 0 {
		row("UNWANTED", "%d logs are stored that were never made", s.alien)
	}
	if s.none() {
		row("missing", "0")
	}
	return aligned(rows.String())
}

// aligned sets rows of cells that tabs end in columns.
func aligned(rows string) string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = io.WriteString(table, rows) // into memory
	_ = table.Flush()
	return out.String()
}

// rounded is a time in three or so digits.
func rounded(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}
