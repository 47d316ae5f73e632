// Package harness runs Millrace as its users do, for the black-box tests: it
// builds the binary, starts real Apache Kafka, PostgreSQL and Redis, and runs
// each role as a process of its own.
package harness

import (
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
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/e2e/servers"
)

// Servers is what Millrace runs on.
type Servers struct {
	Kafka    *servers.Kafka
	Postgres *servers.Postgres
	Redis    *servers.Redis
}

// All returns each of the servers.
func (s *Servers) All() []*servers.Process {
	return []*servers.Process{s.Kafka.Process, s.Postgres.Process, s.Redis.Process}
}

// Kill ends all servers.
func (s *Servers) Kill() {
	s.Kafka.Kill()
	s.Postgres.Kill()
	s.Redis.Kill()
}

// Start starts the servers with their data in a folder, which it opens to
// every user: PostgreSQL runs as one of its own. The listeners are Kafka's.
func Start(ctx context.Context, dir string, listeners ...*servers.Listener) (s *Servers, err error) {
	repository, err := repository()
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	s = &Servers{}
	var started []*servers.Process
	defer func() {
		if err != nil {
			for _, server := range started {
				server.Kill()
			}
		}
	}()
	if s.Kafka, err = servers.StartKafka(ctx, dir, repository, listeners...); err != nil {
		return nil, err
	}
	started = append(started, s.Kafka.Process)
	if s.Postgres, err = servers.StartPostgres(ctx, dir); err != nil {
		return nil, err
	}
	started = append(started, s.Postgres.Process)
	s.Redis, err = servers.StartRedis(ctx, dir)
	return s, err
}

// Suite builds Millrace and starts the servers, once for all tests of a package,
// and returns the exit code of run, or 1. name is for its folder.
func Suite(name string, run func(binary string, all *Servers) int) int {
	code, err := suite(name, run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func suite(name string, run func(binary string, all *Servers) int) (code int, err error) {
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := Build(context.Background(), dir)
	if err != nil {
		return 1, err
	}
	all, err := Start(context.Background(), dir)
	if err != nil {
		return 1, err
	}
	defer all.Kill()
	return run(binary, all), nil
}

// Eventually waits for a condition, and ends the test when it does not come
// about. t is a testing.TB.
func Eventually(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if Await(ctx, condition) != nil {
		t.Fatalf("it did not come about that %s", what)
	}
}

// Await waits for a condition until ctx ends.
func Await(ctx context.Context, condition func() bool) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Build builds Millrace into a folder and returns the program's path.
func Build(ctx context.Context, dir string) (string, error) {
	repository, err := repository()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "millrace")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building millrace: %w: %s", err, out)
	}
	return binary, nil
}

// repository returns the root of this repository, above the working directory.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("not within the repository: there is no go.mod above the working directory")
		}
		dir = above
	}
}

// Database makes a database of a name and returns its URL.
func (s *Servers) Database(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, s.Postgres.URL)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	at, err := url.Parse(s.Postgres.URL)
	if err != nil {
		return "", err
	}
	at.Path = name
	return at.String(), nil
}

// Role returns a role as a process that is ready when it says that it is
// healthy at addr. Its output goes to a file in dir. args begin with the role.
func Role(binary, dir, addr string, env []string, args ...string) *servers.Process {
	return servers.NewProcess(args[0], filepath.Join(dir, args[0]+".log"), func() *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Env = slices.Concat(os.Environ(), env)
		return cmd
	}, func(ctx context.Context) error { return Healthy(ctx, addr) })
}

// health has no connection to a role that was killed.
var health = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Healthy returns nil when the role at addr says that it is healthy.
func Healthy(ctx context.Context, addr string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/actuator/health", nil)
	if err != nil {
		return err
	}
	response, err := health.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it is not healthy: %s", response.Status)
	}
	return nil
}

// FreeAddr returns an address on loopback that nobody uses now.
func FreeAddr() (string, error) {
	port, err := servers.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
