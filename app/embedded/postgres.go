package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// PostgresConfig configures the embedded PostgreSQL.
type PostgresConfig struct {
	Dir      string // where it keeps its data, its password and its log
	CacheDir string // where its programs are kept between runs; empty: the user's cache
	Port     int    // 0: 5432, or a free one when that is taken
	Logger   *slog.Logger
}

// Postgres is a PostgreSQL server, a process of its own that lasts until it is
// closed. It flushes each commit to disk.
type Postgres struct {
	url    string
	server *exec.Cmd
	exited chan error // receives once
}

// Names within the server, and of its folder.
const (
	superuser  = "millrace"
	database   = "millrace"
	dataFolder = "data"
)

// startTimeout is how long the server may take to answer: after a crash it
// reads its log first.
const startTimeout = 2 * time.Minute

// StartPostgres starts a server on the data in cfg.Dir, which it makes the
// first time, fetching PostgreSQL if need be. A server that an earlier process
// left running there is stopped first. As root it runs the server as another
// user, since PostgreSQL refuses to be root.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	cfg.Dir = dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, app.Errorf(app.KindInvalid, "data-dir: %w", err)
	}
	programs, err := fetchPrograms(cfg)
	if err != nil {
		return nil, err
	}
	as, err := newAccount(programs, dir)
	if err != nil {
		return nil, err
	}
	defer as.close()
	if err := stopLeftover(ctx, dir); err != nil {
		return nil, err
	}
	password, err := initialise(ctx, dir, as)
	if err != nil {
		return nil, err
	}
	port, err := pickPort(cfg.Port, 5432, "embedded-postgres-port", "postgres-url")
	if err != nil {
		return nil, err
	}
	return startAfterOthers(ctx, dir, as, port, password)
}

// What a server says whose predecessor was killed and has sessions that have
// not noticed yet, or is itself not quite gone.
const (
	sessionsLeft = "pre-existing shared memory block"
	noteLeft     = `lock file "postmaster.pid" already exists`
)

// goneTimeout is how long these may take.
const goneTimeout = 30 * time.Second

// startAfterOthers starts the server as soon as the last processes of an
// earlier one are gone, and even if its number is another program's by now.
func startAfterOthers(ctx context.Context, dir string, as *account, port int, password string) (*Postgres, error) {
	patience, cancel := context.WithTimeout(ctx, goneTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := start(ctx, dir, as, port, password)
		switch {
		case err == nil:
			return p, nil
		case strings.Contains(err.Error(), noteLeft):
			if err := dropForeignNote(dir); err != nil {
				return nil, err
			}
		case !strings.Contains(err.Error(), sessionsLeft):
			return nil, err
		}
		select {
		case <-tick.C:
		case <-patience.Done():
			return nil, err
		}
	}
}

// URL returns the address to connect to, password and all.
func (p *Postgres) URL() string { return p.url }

// Close stops the server in order, and waits until it is gone.
func (p *Postgres) Close() error {
	// SIGINT is PostgreSQL's "fast" stop: it ends the sessions and flushes.
	if err := p.server.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return <-p.exited
}

func start(ctx context.Context, dir string, as *account, port int, password string) (*Postgres, error) {
	log, err := os.Create(filepath.Join(dir, "postgres.log")) // one run's worth
	if err != nil {
		return nil, err
	}
	defer log.Close()
	settings := []string{
		"listen_addresses=" + loopback,
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=", // its path could be too long, and nobody needs it
		"shared_buffers=256MB",
		"max_connections=100",
		"max_wal_size=2GB",
		"log_min_messages=warning",
		"log_min_error_statement=panic", // statements hold logs: they are not for the server's own
	}
	args := []string{"-D", as.path(dataFolder)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	p := &Postgres{exited: make(chan error, 1)}
	p.server = as.command("postgres", args...)
	p.server.Stdout, p.server.Stderr = log, log
	if err := p.server.Start(); err != nil {
		return nil, fmt.Errorf("starting the embedded PostgreSQL: %w", err)
	}
	go func() { p.exited <- exitError(p.server.Wait()) }()

	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, password),
		Host: address(port), Path: database, RawQuery: "sslmode=disable",
	}
	p.url = address.String()
	if err := p.awaitReady(ctx, address); err != nil {
		return nil, errors.Join(p.withLog(err, log.Name()), p.Close())
	}
	return p, nil
}

// awaitReady returns when the server answers and our database is there.
func (p *Postgres) awaitReady(ctx context.Context, address url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	address.Path = "postgres"
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, address.String())
		if err == nil {
			return errors.Join(ensureDatabase(ctx, conn), conn.Close(context.WithoutCancel(ctx)))
		}
		select {
		case err := <-p.exited:
			p.exited <- err // for Close
			return errors.New("the embedded PostgreSQL ended at once")
		case <-ctx.Done():
			return fmt.Errorf("the embedded PostgreSQL does not answer: %w", err)
		case <-tick.C:
		}
	}
}

func ensureDatabase(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	return err
}

// withLog adds the end of the server's own log to an error.
func (p *Postgres) withLog(err error, path string) error {
	log, readErr := os.ReadFile(path)
	if readErr != nil || len(log) == 0 {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("%w; its log %s ends: %s", err, path, strings.Join(lines[max(0, len(lines)-5):], " | "))
}

// exitError passes over the ways in which the server ends when it is told to.
func exitError(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() <= 1 {
		return nil
	}
	return err
}
