// Chaos attacks Millrace and proves that it lost nothing. Each role is a
// process of its own on real Kafka, PostgreSQL and Redis, with a proxy between
// any two. Clients send numbered logs in every way there is and keep the
// answers, while everything is killed, frozen, stopped and cut off, on a
// schedule that a seed makes. Then everything is healed and drained, and each
// log is looked for.
//
//	plan.go      what is done, when
//	site.go      to whom; keeper.go, proxy.go
//	act.go       how; stranger.go
//	load.go      what is sent; numbered.go, bodies.go
//	operator.go  what is done with what was set aside
//	drain.go     when it is over
//	inspect.go   what is found; audit.go, ledger.go
//	report.go    what is said of it
//
// It ends with 1 when an acknowledged log is missing, a log is stored twice or
// changed, or the ledger disagrees. Run it with ./task chaos.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

type config struct {
	duration    time.Duration
	seed        uint64
	acknowledge string
	report      string
}

// drainTimeout is how long everything may take to come to rest.
const drainTimeout = 3 * time.Minute

func main() {
	var cfg config
	flag.DurationVar(&cfg.duration, "duration", 2*time.Minute, "how long to break things")
	flag.Uint64Var(&cfg.seed, "seed", 0, "seed of the schedule; 0: a new one, which is shown")
	flag.StringVar(&cfg.acknowledge, "acknowledge", "journaled", "setting batching-acknowledge of the shippers")
	flag.StringVar(&cfg.report, "report", "chaos-report", "folder for the report")
	flag.Parse()
	if cfg.seed == 0 {
		cfg.seed = uint64(rand.Uint32())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	result, err := run(ctx, cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	text, err := result.write(cfg.report)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	fmt.Print(text)
	if len(result.Failures) > 0 {
		os.Exit(1)
	}
}

// run does all of it. Its error is one of ours, not of Millrace.
func run(ctx context.Context, cfg config) (*report, error) {
	dir, err := os.MkdirTemp("", "millrace-chaos-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder below the system's for what is temporary
	if err := os.RemoveAll(cfg.report); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.report, 0o755); err != nil {
		return nil, err
	}
	result := &report{
		Seed: cfg.seed, Began: time.Now(), Acknowledge: cfg.acknowledge,
		Again: fmt.Sprintf("./task chaos SEED=%d DURATION=%s ACKNOWLEDGE=%s", cfg.seed, cfg.duration, cfg.acknowledge),
	}
	fmt.Println(result.Again)
	d := &diary{began: time.Now()}
	s, err := newSite(ctx, cfg, dir, cfg.report, d.note)
	if err != nil {
		return nil, err
	}
	defer s.close()
	defer func() { result.keepOutput(dir, cfg.report) }()

	result.Plan = newPlan(cfg.seed, cfg.duration, sorted(s.keepers), roleNames, sorted(s.routes), s.others())
	d.begin()
	sent := newLoad(cfg.seed, s.shippers)
	if err := attack(ctx, s, d, sent, result.Plan, cfg.duration); err != nil {
		return nil, err
	}
	d.note(event{Target: "all", What: "everything is healed"})
	healed := time.Now()
	s.heal()
	settling, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := errors.Join(s.awaitReady(settling), s.drained(settling)); err != nil {
		result.Failures = append(result.Failures, err.Error())
	}
	result.Drained = time.Since(healed).Seconds()
	if err := s.inspect(ctx, sent.requests(), d, result); err != nil {
		return nil, err
	}
	result.Events, result.Seconds = d.all(), time.Since(d.began).Seconds()
	return result, ctx.Err()
}

// attack sends and breaks for a time.
func attack(ctx context.Context, s *site, d *diary, sent *load, plan []step, lasts time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	var work sync.WaitGroup
	defer work.Wait()
	for _, st := range plan {
		work.Go(func() {
			if wait(ctx, st.At-time.Since(d.began)) {
				fmt.Println(st)
				s.act(ctx, st, d)
			}
		})
	}
	work.Go(func() { s.operate(ctx, d, lasts) })
	return sent.run(ctx)
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// keepOutput keeps what the servers wrote.
func (r *report) keepOutput(from, to string) {
	for _, name := range []string{"kafka.log", "postgres.log", "redis.log"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "chaos:", err)
		}
	}
}
