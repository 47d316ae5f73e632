package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"millrace/app"
)

// roundTime is how long the clients send in each candidate's turn.
const roundTime = 3 * time.Second

// turnOrders are the rounds, and whose turn is when in each: every order once,
// for what one does may burden the next. What is told is the median.
var turnOrders = [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}, {1, 0, 2}}

// intakeBars is what the journaled shipper is to reach with requests of some
// logs each: logs/s as a share of the buffered shipper's (0: any), and as a
// multiple of the Collector's. cpuBar is the Collector's CPU time for a log as
// a multiple of ours.
var intakeBars = []struct {
	logs                int
	buffered, collector float64
}{{1, 0, 5}, {10, 0, 5}, {100, 0.7, 3}, {1000, 0.7, 3}}

const cpuBar = 3

// shipperSettings are alike for both shippers, and as the Collector has them.
var shipperSettings = []string{
	"--batching-max-delay=200ms", // a batch that does not fill goes out after this
	"--batching-when-full=block", // a client waits for room, instead of being refused
	// Room for several requests of each client.
	fmt.Sprintf("--batching-buffer-capacity=%d", shipperBuffer), "--batching-buffer-bytes=268435456",
}

// turn is what was measured in one turn of a candidate.
type turn struct {
	speed     float64 // logs a second, from the first request until all are in Kafka
	answers   float64 // logs a second that were accepted, wherever they were then
	cpu       float64 // seconds for a million logs, the candidate's
	memory    float64 // MB, the largest resident
	clientCPU float64 // seconds for a million logs, the clients'
	refused   float64 // requests
}

// measureIntake compares the shipper that answers when the journal is on disk
// with the one that answers from memory, and with the Collector whose queue is
// on disk. All run at once, one after another has its turn, and each writes to
// the same real Kafka what the same clients send.
func measureIntake(ctx context.Context, b *bench) (err error) {
	if err := b.startKafka(ctx); err != nil {
		return err
	}
	dir, err := b.diskDir("intake")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	candidates, stop, err := b.startCandidates(ctx, dir)
	defer stop()
	if err != nil {
		return err
	}
	for _, bars := range intakeBars {
		load, err := newLoad(bars.logs)
		if err != nil {
			return err
		}
		fmt.Printf("intake: %d clients, requests of %d logs, %.0f bytes a log\n", clients, bars.logs, load.bytesPerLog())
		turns := make([][]turn, len(candidates))
		for _, order := range turnOrders {
			for _, n := range order {
				turn, err := b.takeTurn(ctx, candidates[n], load)
				if err != nil {
					return fmt.Errorf("%s, %d logs a request: %w", candidates[n].name, bars.logs, err)
				}
				turns[n] = append(turns[n], turn)
			}
		}
		journaled, buffered, collector := median(turns[0]), median(turns[1]), median(turns[2])
		tellMedians(candidates, []turn{journaled, buffered, collector})
		per := fmt.Sprintf(", %d a request", bars.logs)
		b.report.addSpeed("intake, journaled against buffered"+per, journaled.speed, buffered.speed, bars.buffered)
		b.report.addSpeed("intake, journaled against the Collector"+per, journaled.speed, collector.speed, bars.collector)
		b.report.addSpeed("answered, journaled against the Collector"+per, journaled.answers, collector.answers, 0)
		b.report.addCost("CPU, journaled against the Collector"+per, "s/1M logs", journaled.cpu, collector.cpu, cpuBar)
		b.report.addCost("memory, journaled against the Collector"+per, "MB", journaled.memory, collector.memory, 0)
		b.report.addCost("CPU of the clients, journaled against the Collector"+per, "s/1M logs", journaled.clientCPU, collector.clientCPU, 0)
	}
	return nil
}

// startCandidates starts the journaled shipper, the buffered, and the
// Collector. stop ends what was started.
func (b *bench) startCandidates(ctx context.Context, dir string) (candidates []*candidate, stop func(), err error) {
	stop = func() {
		for _, c := range candidates {
			c.Stop()
		}
	}
	for _, topic := range []string{app.TopicLogs, topicCollector} {
		if err := prepareTopic(ctx, b.kafka.Brokers, topic); err != nil {
			return candidates, stop, err
		}
	}
	for _, start := range []func() (*candidate, error){
		func() (*candidate, error) { return b.startShipper(ctx, dir, durable, shipperSettings...) },
		func() (*candidate, error) { return b.startShipper(ctx, dir, "buffered", shipperSettings...) },
		func() (*candidate, error) { return b.startCollector(ctx, dir) },
	} {
		c, err := start()
		if err != nil {
			return candidates, stop, err
		}
		candidates = append(candidates, c)
	}
	return candidates, stop, nil
}

// takeTurn lets the clients send to a candidate for roundTime and waits until
// all that was accepted is in Kafka.
func (b *bench) takeTurn(ctx context.Context, c *candidate, load *load) (turn, error) {
	// Nobody's fsync is to wait for what others and Kafka left unwritten.
	syscall.Sync()
	topic, err := watchTopic(ctx, b.kafka.Brokers, c.topic)
	if err != nil {
		return turn{}, err
	}
	defer topic.close()
	if err := c.forgetPeak(); err != nil {
		return turn{}, err
	}
	before, err := c.cpu()
	if err != nil {
		return turn{}, err
	}
	sent, err := load.run(ctx, c.address, roundTime, math.MaxInt)
	if err != nil {
		return turn{}, err
	}
	arrived, err := topic.await(ctx, sent.logs)
	if err != nil {
		return turn{}, err
	}
	after, err := c.cpu()
	if err != nil {
		return turn{}, err
	}
	peak, err := c.peak()
	millions := float64(sent.logs) / 1e6
	out := turn{
		speed:     float64(sent.logs) / arrived.last.Sub(sent.began).Seconds(),
		answers:   float64(sent.logs) / sent.took.Seconds(),
		cpu:       (after - before).Seconds() / millions,
		memory:    peak / 1e6,
		clientCPU: sent.cpu.Seconds() / millions,
		refused:   float64(sent.refused),
	}
	return out, err
}

// median returns the median of each figure.
func median(turns []turn) turn {
	of := func(figure func(turn) float64) float64 {
		all := make([]float64, len(turns))
		for i, t := range turns {
			all[i] = figure(t)
		}
		slices.Sort(all)
		return (all[len(all)/2] + all[(len(all)-1)/2]) / 2
	}
	return turn{
		speed:     of(func(t turn) float64 { return t.speed }),
		answers:   of(func(t turn) float64 { return t.answers }),
		cpu:       of(func(t turn) float64 { return t.cpu }),
		memory:    of(func(t turn) float64 { return t.memory }),
		clientCPU: of(func(t turn) float64 { return t.clientCPU }),
		refused:   of(func(t turn) float64 { return t.refused }),
	}
}

// tellMedians prints the medians: those of the clients, too, who must not be what
// holds a candidate up.
func tellMedians(candidates []*candidate, medians []turn) {
	for i, c := range candidates {
		m := medians[i]
		fmt.Printf("  %-20s %8.0f logs/s in Kafka, %8.0f answered; %6.2f s CPU/1M, %4.0f MB; clients %5.2f s CPU/1M, %.0f refused\n",
			c.name, m.speed, m.answers, m.cpu, m.memory, m.clientCPU, m.refused)
	}
}

// diskDir makes a folder on the repository's disk: the system's temporary
// folder may lie in memory, where an fsync costs nothing.
func (b *bench) diskDir(name string) (string, error) {
	parent := filepath.Join(b.repository, ".cache")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(parent, "bench-"+name+"-")
}
