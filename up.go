package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"millrace/app"
	"millrace/app/embedded"
)

// runUp runs every role in this process, on embedded servers where no other
// is set:
//
//	Kafka, PostgreSQL, Redis ─▶ consumer, gateway, shipper, producer
//
// The servers outlive the roles: a shipper that stops still flushes to Kafka.
func runUp(ctx context.Context, cfg app.Config) (err error) {
	if err := makeDataDir(cfg.DataDir); err != nil {
		return err
	}
	lock, err := embedded.Lock(cfg.DataDir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := checkAddresses(cfg); err != nil {
		return err
	}

	servers, err := startServers(ctx, &cfg)
	defer servers.close(&err)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(os.Stdout, servers.announcement(cfg)); err != nil {
		return err
	}

	if cfg.APIKey == "" { // once keys are asked for, the roles must show one to each other
		cfg.Access.Own, cfg.APIKey = app.NewKey(app.Key{Name: "up", Scopes: []app.Scope{app.ScopeIngest, app.ScopeRead}}, time.Now())
	}
	if len(cfg.Gateway.Shippers) == 0 {
		cfg.Gateway.Shippers = []string{cfg.LocalURL(cfg.Shipper.Addr)}
	}
	if len(cfg.Gateway.Consumers) == 0 {
		cfg.Gateway.Consumers = []string{cfg.LocalURL(cfg.Consumer.Addr)}
	}
	if len(cfg.Gateway.Producers) == 0 {
		cfg.Gateway.Producers = []string{cfg.LocalURL(cfg.Producer.Addr)}
	}

	// First those who send: what they still have must find its way.
	ready := announceReady
	for _, addr := range []string{cfg.Gateway.Addr, cfg.Consumer.Addr, cfg.Shipper.Addr, cfg.Producer.Addr} {
		ready = whenListening(addr, ready)
	}
	return runInOrder(ctx, cfg, ready, whenListening(cfg.Shipper.Addr, runProducer), runShipper, runConsumer, runGateway)
}

// announceReady says so, and then does nothing until it is told to stop.
func announceReady(ctx context.Context, cfg app.Config) error {
	if _, err := fmt.Fprintf(os.Stdout, "millrace is ready: open %s\n", cfg.LocalURL(cfg.Gateway.Addr)); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// maxDataDir is the longest name of a data folder, in bytes: PostgreSQL takes
// paths up to 1,023, and its own lie below.
const maxDataDir = 900

func makeDataDir(dir string) error {
	path, err := filepath.Abs(dir)
	if err != nil {
		return app.Errorf(app.KindInvalid, "data-dir cannot be made: %w", err)
	}
	if len(path) > maxDataDir {
		return app.Errorf(app.KindInvalid, "data-dir has a name of %d bytes: want %d or fewer", len(path), maxDataDir)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return app.Errorf(app.KindInvalid, "data-dir cannot be made: %w", err)
	}
	return nil
}

// checkAddresses returns why a role could not listen where it is set to. It is
// asked before any server is started or fetched for the roles.
func checkAddresses(cfg app.Config) error {
	addresses := []struct{ setting, addr string }{
		{"producer-addr", cfg.Producer.Addr},
		{"shipper-addr", cfg.Shipper.Addr},
		{"consumer-addr", cfg.Consumer.Addr},
		{"gateway-addr", cfg.Gateway.Addr},
	}
	for _, a := range addresses {
		listener, err := listen(cfg, a.addr, a.setting)
		if err != nil {
			return err
		}
		defer listener.Close() // after the others: two roles may be set to one address
	}
	return nil
}

// whenListening returns a role that begins when a server listens at an address:
// a producer that is there before its shipper would only complain.
func whenListening(addr string, role func(context.Context, app.Config) error) func(context.Context, app.Config) error {
	return func(ctx context.Context, cfg app.Config) error {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var dialer net.Dialer
			conn, err := dialer.DialContext(ctx, "tcp", addr)
			if err == nil {
				conn.Close()
				return role(ctx, cfg)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// runInOrder runs roles side by side until ctx ends or one of them does. Then
// it stops them one after another, each when the one before has finished. That
// a role was told to stop while it was starting is no error.
func runInOrder(ctx context.Context, cfg app.Config, roles ...func(context.Context, app.Config) error) error {
	ended := make(chan struct{}, len(roles))
	results := make([]chan error, len(roles))
	stops := make([]context.CancelFunc, len(roles))
	for i, start := range roles {
		var running context.Context
		running, stops[i] = context.WithCancel(context.WithoutCancel(ctx))
		results[i] = make(chan error, 1)
		go func() {
			results[i] <- start(running, cfg)
			ended <- struct{}{}
		}()
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	var all []error
	for i, stop := range stops {
		stop()
		err := <-results[i]
		// Two roles that lack the same server say the same.
		said := slices.ContainsFunc(all, func(other error) bool { return err != nil && other.Error() == err.Error() })
		if err != nil && !said && !errors.Is(err, context.Canceled) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// servers are the embedded ones.
type servers struct {
	names   []string
	closers []io.Closer
}

func (s *servers) add(name string, closer io.Closer) {
	s.names = append(s.names, name)
	s.closers = append(s.closers, closer)
}

// startServers starts what cfg does not name, and names it there. What it
// started is returned even with an error.
func startServers(ctx context.Context, cfg *app.Config) (*servers, error) {
	s := &servers{}
	logger := newLogger(*cfg).With("role", "embedded")
	if len(cfg.Kafka.Brokers) == 0 {
		kafka, err := embedded.StartKafka(embedded.KafkaConfig{
			Dir: filepath.Join(cfg.DataDir, "kafka"), Port: cfg.Embedded.KafkaPort,
			Groups:         []string{cfg.Kafka.Group, cfg.Kafka.QuarantineGroup()},
			RetentionBytes: cfg.Embedded.KafkaRetention, Logger: logger,
		})
		if err != nil {
			return s, err
		}
		s.add("Kafka", kafka)
		cfg.Kafka.Brokers = kafka.Brokers()
	}
	if cfg.Postgres.URL == "" {
		postgres, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
			Dir: filepath.Join(cfg.DataDir, "postgres"), Port: cfg.Embedded.PostgresPort, Logger: logger,
		})
		if err != nil {
			return s, err
		}
		s.add("PostgreSQL", postgres)
		cfg.Postgres.URL = postgres.URL()
	}
	if cfg.Redis.Addr == "" {
		redis, err := embedded.StartRedis(embedded.RedisConfig{Port: cfg.Embedded.RedisPort})
		if err != nil {
			return s, err
		}
		s.add("Redis", redis)
		cfg.Redis.Addr = redis.Addr()
	}
	return s, nil
}

// close stops the servers, the last started first, and joins what went wrong
// to err.
func (s *servers) close(err *error) {
	for i := len(s.closers) - 1; i >= 0; i-- {
		if e := s.closers[i].Close(); e != nil && *err == nil {
			*err = fmt.Errorf("stopping the embedded %s: %w", s.names[i], e)
		}
	}
}

// announcement says where everything is.
func (s *servers) announcement(cfg app.Config) string {
	var b strings.Builder
	row := func(what, where string) { fmt.Fprintf(&b, "  %-10s %s\n", what, where) }
	b.WriteString("millrace is starting; Ctrl-C flushes everything and stops it\n")
	row("query", cfg.LocalURL(cfg.Gateway.Addr)+"/api/query/recent")
	row("intake", cfg.LocalURL(cfg.Shipper.Addr)+"/api/logs   (OTLP: /v1/logs)")
	row("producer", cfg.LocalURL(cfg.Producer.Addr)+"/api/rate")
	row("consumer", cfg.LocalURL(cfg.Consumer.Addr)+"/actuator/health")
	row("Kafka", strings.Join(cfg.Kafka.Brokers, ",")+s.mark("Kafka"))
	row("PostgreSQL", withoutPassword(cfg.Postgres.URL)+s.mark("PostgreSQL"))
	row("Redis", cfg.Redis.Addr+s.mark("Redis"))
	data, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		data = cfg.DataDir
	}
	row("data", data)
	return b.String()
}

func (s *servers) mark(name string) string {
	for _, started := range s.names {
		if started == name {
			return "   (embedded)"
		}
	}
	return ""
}

// withoutPassword hides the password of a URL.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(set)"
	}
	return u.Redacted()
}
