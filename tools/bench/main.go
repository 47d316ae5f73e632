// Bench measures what Millrace claims, on the embedded broker and on real
// servers, prints each figure beside its bar, and writes the same to
// bench.json.
//
// Two things are compared in one run, in turns, and what is told is their
// ratio: this machine's figures are this machine's alone.
//
//	main.go        what is measured, and with which servers
//	report.go      figures, bars, bench.json
//	brokers.go     the brokers, and what they saw
//	publish.go     publishing: plain against batched
//	consume.go     storing: the consumer against a bare COPY
//	intake.go      durable intake: the shipper against itself from memory, and
//	               against the OpenTelemetry Collector
//	outage.go      hours without Kafka: the shipper's memory, and the replay
//	query.go       searching: what is asked of the gateway while logs come in
//	stack.go       the servers and roles for that, and ten million stored logs
//	ask.go         those who ask; questions.go: what they ask
//	bare.go        what the least there can be would do
//	atonce.go      many who ask the same at once
//	during.go      the logs that come in meanwhile, and what searching costs them
//	candidates.go  the processes that are measured from outside
//	load.go        the clients that send to them
//	arrivals.go    what reached Kafka, and when
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"

	"millrace/e2e/servers"
)

// sections are what can be measured, in this order.
var sections = []struct {
	name    string
	measure func(context.Context, *bench) error
}{
	{"publish", measurePublish},
	{"consume", measureConsume},
	{"intake", measureIntake},
	{"outage", measureOutage},
	{"query", measureQuery},
}

// durable is when the shipper answers that is measured as durable.
const durable = "journaled"

// bench is one run.
type bench struct {
	dir        string // for the servers
	repository string
	millrace   string         // the program
	collector  string         // the program
	outage     int64          // bytes of logs that come while Kafka is away
	logs       int            // that are stored before anything is searched
	profile    string         // file for a CPU profile of this process; empty: none
	kafka      *servers.Kafka // once startKafka was called
	report     report
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	b, only, err := parse(args)
	if err != nil {
		return err
	}
	if err := b.report.begin(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "millrace-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := os.Chmod(b.dir, 0o755); err != nil { // for the user postgres
		return err
	}
	defer func() {
		if b.kafka != nil {
			b.kafka.Kill()
		}
	}()
	stop, err := profileTo(b.profile)
	if err != nil {
		return err
	}
	defer stop()
	for _, section := range sections {
		if !slices.Contains(only, section.name) {
			continue
		}
		if err := section.measure(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", section.name, err)
		}
	}
	return b.report.finish("bench.json")
}

// profileTo profiles this process until stop is called.
func profileTo(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); file.Close() }, nil
}

// parse reads the command line and returns what to measure.
func parse(args []string) (b *bench, only []string, err error) {
	b = &bench{}
	var known []string
	for _, section := range sections {
		known = append(known, section.name)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	list := flags.String("only", strings.Join(known, ","), "what to measure, apart by commas")
	flags.StringVar(&b.millrace, "millrace", "bin/millrace", "the program")
	flags.StringVar(&b.collector, "collector", "", "the OpenTelemetry Collector of tools/collector; intake needs it")
	flags.StringVar(&b.profile, "cpuprofile", "", "file for a CPU profile of what runs in this process: publish and consume")
	gigabytes := flags.Float64("outage", 5, "gigabytes of logs that come while Kafka is away")
	flags.IntVar(&b.logs, "logs", 10_000_000, "logs that are stored before anything is searched")
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	b.outage = int64(*gigabytes * 1e9)
	if b.logs < 1_000_000 || b.logs%batchLogs != 0 {
		return nil, nil, fmt.Errorf("-logs is %d: want thousands, and a million at the least", b.logs)
	}
	only = strings.Split(*list, ",")
	for _, name := range only {
		if !slices.Contains(known, name) {
			return nil, nil, fmt.Errorf("-only names %q: want some of %s", name, strings.Join(known, ","))
		}
	}
	b.repository, err = filepath.Abs(".")
	return b, only, err
}

// startKafka starts the real Kafka, if it does not run yet.
func (b *bench) startKafka(ctx context.Context) (err error) {
	if b.kafka == nil {
		b.kafka, err = servers.StartKafka(ctx, b.dir, b.repository)
	}
	return err
}

func measurePublish(ctx context.Context, b *bench) error {
	fake, err := startFake(b.dir)
	if err != nil {
		return err
	}
	err = measurePublishing(ctx, &b.report, fake, 50)
	fake.stop()
	if err := errors.Join(err, b.startKafka(ctx)); err != nil {
		return err
	}
	return measurePublishing(ctx, &b.report, &realBroker{b.kafka}, 200)
}

func measureConsume(ctx context.Context, b *bench) error {
	if err := b.startKafka(ctx); err != nil {
		return err
	}
	postgres, err := servers.StartPostgres(ctx, b.dir)
	if err != nil {
		return err
	}
	defer postgres.Kill()
	return measureConsuming(ctx, &b.report, b.kafka.Brokers, postgres.URL)
}
