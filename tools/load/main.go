// Load sends requests with logs at a steady pace to a Millrace that runs, waits
// until what was accepted is stored, and tells what became of it:
//
//	bodies ─▶ vegeta ─▶ shippers ─▶ … ─▶ gateway ─▶ find
//	             └─▶ tally ◀──────── compare ────────┘
//
// It ends with 1 when a log that was accepted is missing, or one is there that
// should not be, or twice; with -soak also when a role grows without end; and
// with 2 when it could not tell.
//
//	main.go    flags, and the order of things
//	bodies.go  the requests, in each of the protocols
//	attack.go  sending them, and what was answered
//	find.go    what is stored, and the comparison
//	scrape.go  the roles' metrics
//	soak.go    looking for leaks
//	report.go  progress and the table
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// errLoss is what a run ends with that found fault.
var errLoss = errors.New("what is stored is not what was accepted: see above")

// errGrowth is what a soak ends with that found a leak.
var errGrowth = errors.New("a role grows without end: see above")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := parse(os.Args[1:], os.Stderr)
	if err == nil {
		err = run(ctx, cfg, os.Stdout, os.Stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errLoss), errors.Is(err, errGrowth):
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
}

// config is what a run does.
type config struct {
	shippers    []string
	gateway     string
	roles       []string // watched by a soak
	requests    int
	time        time.Duration
	size, bytes int
	protocol    string
	gzip        bool
	connections int
	timeout     time.Duration
	patience    time.Duration
	headers     http.Header
	soak        bool
}

func parse(args []string, out io.Writer) (config, error) {
	cfg := config{headers: http.Header{"User-Agent": {"millrace-load"}}}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(out)
	shippers := flags.String("shipper", "http://localhost:8082", "URLs of the shippers, joined by commas; they take turns")
	roles := flags.String("roles", "http://localhost:8080,http://localhost:8081,http://localhost:8082,http://localhost:8083", "URLs of the roles that -soak watches, joined by commas")
	flags.StringVar(&cfg.gateway, "gateway", "http://localhost:8080", "URL of a gateway")
	flags.IntVar(&cfg.requests, "requests", 10_000, "requests to send")
	flags.DurationVar(&cfg.time, "time", time.Minute, "time over which they are spread")
	rate := flags.Float64("rate", 0, "requests a second; instead of -requests")
	flags.IntVar(&cfg.size, "size", 1, "logs in each request")
	flags.IntVar(&cfg.bytes, "bytes", 0, "bytes of each message, at the least")
	flags.StringVar(&cfg.protocol, "protocol", "json", "one of "+protocolNames())
	flags.BoolVar(&cfg.gzip, "gzip", false, "compress the requests")
	flags.IntVar(&cfg.connections, "connections", 64, "connections, each with one request at a time")
	flags.DurationVar(&cfg.timeout, "timeout", 30*time.Second, "longest wait for an answer")
	flags.DurationVar(&cfg.patience, "patience", time.Minute, "how long nothing more may arrive before what is missing is lost")
	flags.BoolVar(&cfg.soak, "soak", false, "watch the memory, goroutines and files of the roles, and fail when one grows without end")
	flags.Func("header", `header of each request, such as "Authorization: Bearer KEY"; may be given again`, func(line string) error {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return errors.New(`want "NAME: VALUE"`)
		}
		cfg.headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("%q is no flag; see -help", flags.Arg(0))
	}
	if *rate > 0 {
		cfg.requests = int(*rate * cfg.time.Seconds())
	}
	cfg.shippers, cfg.roles = split(*shippers), split(*roles)
	cfg.gateway = strings.TrimRight(cfg.gateway, "/")
	return cfg, cfg.validate(*rate)
}

func split(urls string) []string {
	var out []string
	for _, u := range strings.Split(urls, ",") {
		out = append(out, strings.TrimRight(strings.TrimSpace(u), "/"))
	}
	return out
}

// maxLogs bounds the memory in which a run keeps account: a byte a log.
const maxLogs = 1_000_000_000

func (c *config) validate(rate float64) error {
	_, known := protocols[c.protocol]
	switch {
	case !known:
		return fmt.Errorf("-protocol is %q: want one of %s", c.protocol, protocolNames())
	case rate < 0, c.requests < 1, c.size < 1, c.connections < 1, c.bytes < 0:
		return errors.New("-requests (or -rate times -time), -size and -connections must be 1 or more")
	case c.time <= 0, c.timeout <= 0, c.patience <= 0:
		return errors.New("-time, -timeout and -patience must be above 0")
	case c.requests > maxLogs/c.size:
		return fmt.Errorf("these are more than %d logs: make -time, -rate or -size less", maxLogs)
	}
	for _, target := range append(append([]string{c.gateway}, c.shippers...), c.roles...) {
		u, err := url.Parse(target)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%q is no URL such as http://localhost:8082", target)
		}
	}
	return nil
}

// run attacks, waits until everything is stored, and reports to out; progress
// goes to errOut.
func run(ctx context.Context, cfg config, out, errOut io.Writer) error {
	client := &http.Client{Timeout: cfg.timeout}
	defer client.CloseIdleConnections()
	logs := newBodies(protocols[cfg.protocol], cfg.size, cfg.bytes)
	find := &finder{gateway: cfg.gateway, service: logs.service, header: cfg.headers, client: client}
	// Before anything is sent: who could not be asked afterwards is missed now.
	before, err := count(ctx, client, cfg)
	if err != nil {
		return err
	}
	if _, err := find.page(ctx, ""); err != nil {
		return err
	}
	show := newProgress(errOut)
	show.write(fmt.Sprintf("sending %d requests of %d logs in %s (%s), service %s\n", cfg.requests, cfg.size, cfg.time, cfg.protocol, logs.service))

	var watched *watch
	if cfg.soak {
		watched = newWatch(cfg, client)
		watching, stop := context.WithCancel(ctx)
		var group sync.WaitGroup
		group.Go(func() { watched.run(watching) })
		defer group.Wait()
		defer stop()
	}
	began := time.Now()
	sent := attack(ctx, cfg, logs, show.sending(cfg, began))
	took := time.Since(began)
	// Told to stop, it still looks for what was accepted.
	ctx = context.WithoutCancel(ctx)
	stored, err := find.await(ctx, sent, cfg.patience, show.storing(sent))
	if err != nil {
		return err
	}
	after, err := count(ctx, client, cfg)
	if err != nil {
		return err
	}
	show.end()
	lost := compare(sent, stored)
	text, leaks := report(sent, stored, lost, after.since(before), took), 0
	if watched != nil {
		growth, n := watched.report()
		text, leaks = text+growth, n
	}
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	switch {
	case !lost.none():
		return errLoss
	case leaks > 0:
		return errGrowth
	}
	return nil
}
