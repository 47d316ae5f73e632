package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"millrace/e2e/harness"
	"millrace/e2e/servers"
)

// The servers, started once for all tests. A test that stops one starts it
// again.
var (
	binary   string
	all      *harness.Servers
	kafka    *servers.Kafka
	postgres *servers.Postgres
	redis    *servers.Redis
)

func TestMain(m *testing.M) {
	os.Exit(harness.Suite("millrace-e2e-", func(program string, started *harness.Servers) int {
		binary, all = program, started
		for _, server := range all.All() {
			fmt.Println("started:", server.Command())
		}
		kafka, postgres, redis = all.Kafka, all.Postgres, all.Redis
		return m.Run()
	}))
}

var pipelines atomic.Int32

// pipeline is what one test runs: roles of its own, on a database of its own.
// The topics are those of all tests, and are emptied behind each; a test has a
// consumer group of its own, and asks only for logs of its own service.
type pipeline struct {
	t       *testing.T
	service string
	env     []string
	db      string
	data    string            // the roles' folder
	addr    map[string]string // by role
}

func newPipeline(t *testing.T, settings ...string) *pipeline {
	t.Helper()
	name := fmt.Sprintf("e2e_%d_%d", os.Getpid(), pipelines.Add(1))
	db, err := all.Database(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emptyTopics(t) }) // after the roles have stopped
	p := &pipeline{t: t, service: name, db: db, data: t.TempDir(), addr: map[string]string{}}
	p.env = []string{
		"MILLRACE_KAFKA_BROKERS=" + strings.Join(kafka.Brokers, ","),
		"MILLRACE_KAFKA_GROUP=" + name,
		"MILLRACE_POSTGRES_URL=" + p.db,
		"MILLRACE_REDIS_ADDR=" + redis.Addr,
		"MILLRACE_PRODUCER_RATE=0",
		"MILLRACE_DATA_DIR=" + p.data,
	}
	for _, role := range []string{"producer", "shipper", "consumer", "gateway"} {
		p.addr[role] = freeAddr(t)
		p.env = append(p.env, fmt.Sprintf("MILLRACE_%s_ADDR=%s", strings.ToUpper(role), p.addr[role]))
	}
	p.env = append(p.env, settings...)
	return p
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// process is a running millrace.
type process struct {
	*servers.Process
	t    *testing.T
	role string
}

// start runs a role and waits until it is healthy.
func (p *pipeline) start(role string, settings ...string) *process {
	p.t.Helper()
	run := p.role(role, settings...)
	if err := run.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	return run
}

// role returns a role that is not started yet. It is killed, if it runs when
// the test ends, and its output shown if the test failed.
func (p *pipeline) role(role string, settings ...string) *process {
	run := &process{t: p.t, role: role}
	run.Process = harness.Role(binary, p.t.TempDir(), p.addr[role], slices.Concat(p.env, settings), role)
	p.t.Cleanup(func() {
		run.Kill()
		if p.t.Failed() {
			p.t.Logf("output of %s:\n%s", role, run.Output())
		}
	})
	return run
}

// stop asks a role to stop and returns its exit code.
func (r *process) stop() int {
	r.Stop()
	return r.ExitCode()
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	harness.Eventually(t, what, condition)
}
