package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/e2e/servers"
)

// The servers, started once for all tests. A test that stops one starts it
// again.
var (
	binary   string
	kafka    *servers.Kafka
	postgres *servers.Postgres
	redis    *servers.Redis
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "millrace-e2e-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := start(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer kafka.Kill()
	defer postgres.Kill()
	defer redis.Kill()
	for _, server := range []*servers.Process{kafka.Process, postgres.Process, redis.Process} {
		fmt.Println("started:", server.Command())
	}
	return m.Run()
}

func start(dir string) (err error) {
	if err := os.Chmod(dir, 0o755); err != nil { // for the user postgres
		return err
	}
	repository, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	binary = filepath.Join(dir, "millrace")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building millrace: %w: %s", err, out)
	}
	ctx := context.Background()
	if kafka, err = servers.StartKafka(ctx, dir, repository); err != nil {
		return err
	}
	if postgres, err = servers.StartPostgres(ctx, dir); err != nil {
		return err
	}
	redis, err = servers.StartRedis(ctx, dir)
	return err
}

var pipelines atomic.Int32

// pipeline is what one test runs: roles of its own, on a database of its own.
// The topics are those of all tests, so each test has a consumer group of its
// own, and asks only for logs of its own service.
type pipeline struct {
	t       *testing.T
	service string
	env     []string
	db      string
	addr    map[string]string // by role
}

func newPipeline(t *testing.T, settings ...string) *pipeline {
	t.Helper()
	name := fmt.Sprintf("e2e_%d_%d", os.Getpid(), pipelines.Add(1))
	conn, err := pgx.Connect(t.Context(), postgres.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	db, err := url.Parse(postgres.URL)
	if err != nil {
		t.Fatal(err)
	}
	db.Path = name
	p := &pipeline{t: t, service: name, db: db.String(), addr: map[string]string{}}
	p.env = []string{
		"MILLRACE_KAFKA_BROKERS=" + strings.Join(kafka.Brokers, ","),
		"MILLRACE_KAFKA_GROUP=" + name,
		"MILLRACE_POSTGRES_URL=" + p.db,
		"MILLRACE_REDIS_ADDR=" + redis.Addr,
		"MILLRACE_PRODUCER_RATE=0",
		"MILLRACE_DATA_DIR=" + t.TempDir(),
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// process is a running millrace.
type process struct {
	t      *testing.T
	role   string
	cmd    *exec.Cmd
	output *bytes.Buffer
	done   chan struct{}
	err    error // of Wait; after done
}

// start runs a role and waits until it is healthy.
func (p *pipeline) start(role string, settings ...string) *process {
	p.t.Helper()
	run := p.launch([]string{role}, settings...)
	eventually(p.t, role+" is healthy", func() bool {
		select {
		case <-run.done:
			p.t.Fatalf("%s ended: %v\n%s", role, run.err, run.output)
		default:
		}
		response, err := http.Get("http://" + p.addr[role] + "/actuator/health")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return run
}

// launch runs a command. It is killed, if it is still there, when the test
// ends, and its output shown if the test failed.
func (p *pipeline) launch(args []string, settings ...string) *process {
	p.t.Helper()
	run := &process{t: p.t, role: args[0], output: &bytes.Buffer{}, done: make(chan struct{})}
	run.cmd = exec.Command(binary, args...)
	run.cmd.Env = slices.Concat(os.Environ(), p.env, settings)
	run.cmd.Stdout, run.cmd.Stderr = run.output, run.output
	if err := run.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		run.err = run.cmd.Wait()
		close(run.done)
	}()
	p.t.Cleanup(func() {
		_ = run.cmd.Process.Kill()
		<-run.done
		if p.t.Failed() {
			p.t.Logf("output of %s:\n%s", args, run.output)
		}
	})
	return run
}

// stop asks a role to stop and returns its exit code.
func (r *process) stop() int {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	return r.wait()
}

func (r *process) wait() int {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(60 * time.Second):
		r.t.Fatalf("%s does not stop", r.role)
	}
	var exit *exec.ExitError
	if r.err != nil && !errors.As(r.err, &exit) {
		r.t.Fatal(r.err)
	}
	return r.cmd.ProcessState.ExitCode()
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(90 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it did not come about that %s", what)
		}
	}
}
