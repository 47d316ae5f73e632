package app

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxProducerRate is the fastest the synthetic producer is asked to be, in
// logs a second.
const MaxProducerRate = 1_000_000

// Validate returns every setting that cannot be right, each named, joined.
func (c *Config) Validate() error {
	v := &configChecks{}
	v.check(c.DataDir != "", "data-dir", "a folder", quoted(c.DataDir))
	v.oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error")
	v.oneOf("log-format", c.LogForm, "text", "json")
	v.above0("shutdown-timeout", c.Shutdown, "30s")
	c.Kafka.validate(v)
	c.Postgres.validate(v)
	if c.Redis.Addr != "" {
		v.address("redis-addr", c.Redis.Addr)
	}
	v.above0("redis-timeout", c.Redis.Timeout, "50ms")
	c.Embedded.validate(v)
	c.Batching.validate(v)
	c.Journal.validate(v)
	c.Access.validate(v)
	v.check((c.TLS.Cert == "") == (c.TLS.Key == ""), "tls-cert", "set together with tls-key", quoted(c.TLS.Cert))
	v.url("tracing-endpoint", c.Tracing.Endpoint, "http://localhost:4318")
	v.check(c.Tracing.Ratio >= 0 && c.Tracing.Ratio <= 1, "tracing-ratio", "0 to 1", c.Tracing.Ratio)
	if c.APIKey != "" {
		_, _, ok := ParseKey(c.APIKey)
		v.check(ok, "api-key", "a key as millrace key create prints it", "something else")
	}
	v.listens("producer-addr", c.Producer.Addr)
	v.check(c.Producer.Rate >= 0 && c.Producer.Rate <= MaxProducerRate, "producer-rate", fmt.Sprintf("0 to %d", MaxProducerRate), c.Producer.Rate)
	v.url("producer-target", c.Producer.URL, "http://localhost:8082")
	v.listens("shipper-addr", c.Shipper.Addr)
	v.check(c.Shipper.MaxBody >= 1, "shipper-max-body", "1 or more", c.Shipper.MaxBody)
	v.atLeast("shipper-max-requests", c.Shipper.MaxRequests, 1)
	v.listens("consumer-addr", c.Consumer.Addr)
	v.check(c.Consumer.Retention >= 24*time.Hour, "consumer-retention", "24h or more", c.Consumer.Retention)
	v.check(c.Consumer.RetentionBytes >= 0, "consumer-retention-bytes", "a size in bytes, or 0 for any", c.Consumer.RetentionBytes)
	v.atLeast("consumer-max-retries", c.Consumer.MaxRetries, 1)
	c.Gateway.validate(v)
	return errors.Join(v.wrong...)
}

func (c *KafkaConfig) validate(v *configChecks) {
	for _, broker := range c.Brokers {
		v.address("kafka-brokers", broker)
	}
	v.atLeast("kafka-partitions", c.Partitions, 1)
	v.atLeast("kafka-replication", c.Replication, 1)
	v.oneOf("kafka-compression", c.Compression, "none", "gzip", "snappy", "lz4", "zstd")
	v.oneOf("kafka-producer-acks", c.Producer.Acks, "all", "1", "0")
	v.atLeast("kafka-producer-retries", c.Producer.Retries, 0)
	v.check(c.Group != "", "kafka-group", "a name", quoted(c.Group))
}

func (p *PostgresConfig) validate(v *configChecks) {
	v.database("postgres-url", p.URL)
	v.database("postgres-read-url", p.ReadURL)
	v.atLeast("postgres-connections", p.Connections, 3)
	v.above0("postgres-statement-timeout", p.Timeout, "10s")
}

func (e *EmbeddedConfig) validate(v *configChecks) {
	v.port("embedded-kafka-port", e.KafkaPort)
	v.port("embedded-postgres-port", e.PostgresPort)
	v.port("embedded-redis-port", e.RedisPort)
	v.check(e.KafkaRetention >= 0, "embedded-kafka-retention", "a size in bytes", e.KafkaRetention)
}

func (b *BatchingConfig) validate(v *configChecks) {
	v.check(b.MaxBatchSize >= 1 && b.MaxBatchSize <= MaxBatchCount, "batching-max-batch-size", fmt.Sprintf("1 to %d", MaxBatchCount), b.MaxBatchSize)
	v.above0("batching-max-delay", b.MaxDelay, "5s")
	v.atLeast("batching-max-bytes", b.MaxBytes, 1024)
	v.atLeast("batching-buffer-capacity", b.BufferCapacity, b.MaxBatchSize)
	v.atLeast("batching-buffer-bytes", b.BufferBytes, b.MaxBytes)
	v.oneOf("batching-when-full", b.WhenFull, "reject", "block", "drop")
	v.oneOf("batching-acknowledge", b.Acknowledge, "journaled", "flushed", "buffered")
	v.atLeast("batching-max-together", b.Together, 1)
}

func (j *JournalConfig) validate(v *configChecks) {
	v.check(j.MaxBytes >= 1, "journal-max-bytes", "1 or more", j.MaxBytes)
	v.check(j.DiskShare > 0 && j.DiskShare <= 1, "journal-disk-share", "more than 0 and at most 1", j.DiskShare)
}

func (a *AccessConfig) validate(v *configChecks) {
	v.oneOf("access-mode", a.Mode, "auto", "on", "off")
	v.check(a.Rate >= 0, "access-rate", "0 or more", a.Rate)
	v.check(a.Burst >= 0, "access-burst", "0 or more", a.Burst)
	for _, origin := range a.Origins {
		u, ok := webURL(origin)
		v.check(ok && u.Scheme+"://"+u.Host == origin, "access-origins", "origins such as https://example.org", quoted(origin))
	}
}

func (g *GatewayConfig) validate(v *configChecks) {
	v.listens("gateway-addr", g.Addr)
	v.url("gateway-url", g.URL, "http://localhost:8080")
	v.check(g.MaxRange >= 0, "gateway-max-range", "a time, or 0 for any", g.MaxRange)
	v.above0("gateway-closed-after", g.ClosedAfter, "1h")
	v.atLeast("gateway-max-tails", g.MaxTails, 1)
	v.atLeast("gateway-max-searches", g.MaxSearches, 1)
	v.atLeast("gateway-max-exports", g.MaxExports, 1)
	v.urls("gateway-shippers", g.Shippers, "http://localhost:8082")
	v.urls("gateway-consumers", g.Consumers, "http://localhost:8083")
	v.urls("gateway-producers", g.Producers, "http://localhost:8081")
}

// configChecks gathers what is wrong with settings. Each error's Field is the
// setting's name, and its message begins with it.
type configChecks struct{ wrong []error }

func (v *configChecks) check(ok bool, name, want string, got any) {
	if ok {
		return
	}
	err := Errorf(KindInvalid, "%s is %v: want %s", name, got, want)
	err.Field = name
	v.wrong = append(v.wrong, err)
}

func (v *configChecks) oneOf(name, got string, want ...string) {
	v.check(slices.Contains(want, got), name, "one of "+strings.Join(want, ", "), quoted(got))
}

func (v *configChecks) atLeast(name string, got, least int) {
	v.check(got >= least, name, fmt.Sprintf("%d or more", least), got)
}

func (v *configChecks) above0(name string, got time.Duration, example string) {
	v.check(got > 0, name, "a time above 0, such as "+example, got)
}

// port is that of a server that is started here; 0 is any.
func (v *configChecks) port(name string, got int) {
	v.check(got >= 0 && got <= maxPort, name, fmt.Sprintf("0 to %d", maxPort), got)
}

// address is one that is connected to.
func (v *configChecks) address(name, got string) {
	_, port, err := net.SplitHostPort(got)
	v.check(err == nil && isPort(port, 1), name, fmt.Sprintf("HOST:PORT, PORT being 1 to %d", maxPort), quoted(got))
}

// listens is an address that is listened on: without a host all of this
// machine's, and at port 0 one that is free.
func (v *configChecks) listens(name, got string) {
	_, port, err := net.SplitHostPort(got)
	v.check(err == nil && isPort(port, 0), name, fmt.Sprintf("HOST:PORT, PORT being 0 to %d", maxPort), quoted(got))
}

// url is where a server is asked, or nothing.
func (v *configChecks) url(name, got, example string) {
	if got != "" {
		v.urls(name, []string{got}, example)
	}
}

func (v *configChecks) urls(name string, got []string, example string) {
	for _, one := range got {
		_, ok := webURL(one)
		v.check(ok, name, "a URL such as "+example, quoted(one))
	}
}

// database is where a database is, or nothing. It may hold a password: it is
// not shown.
func (v *configChecks) database(name, got string) {
	if got == "" {
		return
	}
	u, err := url.Parse(got)
	ok := err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql")
	if ok {
		for _, host := range strings.Split(u.Host, ",") { // the first that answers
			ok = ok && hasPort(host)
		}
	}
	v.check(ok, name, fmt.Sprintf("postgres://USER:PASSWORD@HOST:PORT/DATABASE, PORT being 1 to %d", maxPort), "something else")
}

// webURL reads an absolute URL of HTTP.
func webURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	return u, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && hasPort(u.Host)
}

// hasPort tells whether a host names a port that there can be, or none.
func hasPort(host string) bool {
	port := (&url.URL{Host: host}).Port()
	return port == "" || isPort(port, 1)
}

const maxPort = 1<<16 - 1

func isPort(text string, least int) bool {
	port, err := strconv.Atoi(text)
	return err == nil && port >= least && port <= maxPort
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }
