// Bench measures what Millrace claims, on the embedded broker and on real
// servers, prints each figure beside its bar, and writes the same to
// bench.json.
//
// Two things are compared in one run, in turns, and what is told is their
// ratio: this machine's figures are this machine's alone.
//
//	main.go      what is measured, and the table
//	report.go    figures, bars, bench.json
//	brokers.go   the brokers, and what they saw
//	publish.go   publishing: plain against batched
//	consume.go   storing: the consumer against a bare COPY
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"millrace/e2e/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // for the user postgres
		return err
	}
	repository, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	var report report

	fake, err := startFake(dir)
	if err != nil {
		return err
	}
	if err := measurePublishing(ctx, &report, fake, 50); err != nil {
		return err
	}
	fake.stop()

	kafka, err := servers.StartKafka(ctx, dir, repository)
	if err != nil {
		return err
	}
	defer kafka.Kill()
	genuine := &realBroker{kafka}
	if err := measurePublishing(ctx, &report, genuine, 200); err != nil {
		return err
	}

	postgres, err := servers.StartPostgres(ctx, dir)
	if err != nil {
		return err
	}
	defer postgres.Kill()
	if err := measureConsuming(ctx, &report, genuine.brokers(), postgres.URL); err != nil {
		return err
	}
	return report.finish("bench.json")
}
