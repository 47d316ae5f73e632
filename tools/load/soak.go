package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// What may grow without end in a role, and how much of it is nothing to speak
// of. Memory is what is in use after the runtime's own collections, so that a
// window's lowest value is close to what is alive.
var watched = []struct {
	name, metric string
	slack        float64 // growth that is no leak, whatever its share
	unit         float64
}{
	{"goroutines", "go_goroutines", 20, 1},
	{"heap MiB", "go_memstats_heap_inuse_bytes", 24 << 20, 1 << 20},
	{"resident MiB", "process_resident_memory_bytes", 64 << 20, 1 << 20},
	{"open files", "process_open_fds", 20, 1},
}

// growthShare is the growth, as a share of what there was, that is no leak.
const growthShare = 0.2

// growth is what a series of samples tells.
type growth struct {
	first, second, last float64 // lowest values of its windows
	leaks               bool
}

// minSamples are the fewest that can tell anything: four windows of three.
const minSamples = 12

// judgeGrowth looks for growth without end. The first quarter of the series is
// for warming up; of each third of the rest it takes the lowest value, which
// bursts do not touch. What leaks rises from each to the next, by more than
// the slack and the share.
func judgeGrowth(series []float64, slack float64) (g growth, enough bool) {
	if len(series) < minSamples {
		return growth{}, false
	}
	rest := series[len(series)/4:]
	third := len(rest) / 3
	g.first, g.second, g.last = slices.Min(rest[:third]), slices.Min(rest[third:2*third]), slices.Min(rest[2*third:])
	allowed := max(slack, g.first*growthShare)
	g.leaks = g.second > g.first && g.last > g.second && g.last-g.first > allowed
	return g, true
}

// watch samples the roles until it is stopped.
type watch struct {
	roles  []string
	client *http.Client
	header http.Header
	every  time.Duration

	mu     sync.Mutex
	series map[string][][]float64 // by role, then by place in watched
	errs   map[string]error       // the last of each role
}

func newWatch(cfg config, client *http.Client) *watch {
	return &watch{
		roles: cfg.roles, client: client, header: cfg.headers, every: max(cfg.time/200, time.Second),
		series: map[string][][]float64{}, errs: map[string]error{},
	}
}

// run samples until ctx ends.
func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		for _, role := range w.roles {
			w.sample(ctx, role)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *watch) sample(ctx context.Context, role string) {
	s, err := scrape(ctx, w.client, role, w.header)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			w.errs[role] = err
		}
		return
	}
	if w.series[role] == nil {
		w.series[role] = make([][]float64, len(watched))
	}
	for i, what := range watched {
		w.series[role][i] = append(w.series[role][i], s.sum(what.metric))
	}
}

// report tells what grew, and how many series leak.
func (w *watch) report() (text string, leaks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var rows strings.Builder
	fmt.Fprintf(&rows, "\nrole\twhat\tfirst third\tsecond\tlast\t\n")
	for _, role := range w.roles {
		if err := w.errs[role]; err != nil {
			fmt.Fprintf(&rows, "%s\tnot always watched: %v\n", role, err)
		}
		for i, series := range w.series[role] {
			what := watched[i]
			g, enough := judgeGrowth(series, what.slack)
			verdict := "steady"
			switch {
			case !enough:
				fmt.Fprintf(&rows, "%s\t%s\t%d samples are too few to tell\n", role, what.name, len(series))
				continue
			case g.leaks:
				verdict = "GROWS"
				leaks++
			}
			fmt.Fprintf(&rows, "%s\t%s\t%.0f\t%.0f\t%.0f\t%s\n", role, what.name, g.first/what.unit, g.second/what.unit, g.last/what.unit, verdict)
		}
	}
	return aligned(rows.String()), leaks
}
