package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"millrace/app"
)

// postgresVersion is the PostgreSQL that is embedded.
const postgresVersion = embeddedpostgres.V17

// fetchPrograms returns the folder with PostgreSQL's programs, which it fetches
// the first time. Any number of processes may call it at once.
func fetchPrograms(cfg PostgresConfig) (string, error) {
	cache := cfg.CacheDir
	if cache == "" {
		var err error
		if cache, err = programsCache(); err != nil {
			return "", app.Errorf(app.KindInvalid, "there is no folder for PostgreSQL's programs (set HOME), and no server given by --postgres-url: %w", err)
		}
	}
	programs := filepath.Join(cache, "postgres-"+string(postgresVersion))
	if exists(filepath.Join(programs, "bin", "postgres")) {
		return programs, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := waitForLock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if exists(filepath.Join(programs, "bin", "postgres")) {
		return programs, nil // another process was quicker
	}
	cfg.Logger.Info("fetching PostgreSQL; this takes some seconds, once", "version", postgresVersion)
	return programs, fetch(cache, programs)
}

// fetch downloads and unpacks PostgreSQL, and moves it to its place when it is
// whole. The library can fetch only as a part of starting a server. The server
// is ours to start, so it is given a data folder on which none will, and what
// counts is whether the programs are there afterwards.
func fetch(cache, programs string) error {
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // a later fetch works elsewhere
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	unpacked, nothing := filepath.Join(work, "postgres"), filepath.Join(work, "nothing")
	if err := os.MkdirAll(nothing, 0o700); err != nil {
		return err
	}
	major, _, _ := strings.Cut(string(postgresVersion), ".")
	if err := os.WriteFile(filepath.Join(nothing, "PG_VERSION"), []byte(major+"\n"), 0o600); err != nil {
		return err
	}
	port, err := pickPort(0, 0, "", "")
	if err != nil {
		return err
	}
	fetchErr := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(postgresVersion).Port(uint32(port)).Logger(io.Discard).
		CachePath(work).BinariesPath(unpacked).
		RuntimePath(filepath.Join(work, "run")).DataPath(nothing)).Start()
	http.DefaultClient.CloseIdleConnections() // the library's
	if !exists(filepath.Join(unpacked, "bin", "postgres")) {
		return app.Errorf(app.KindUnavailable, "PostgreSQL could not be fetched; with no network, give a server by --postgres-url: %w", fetchErr)
	}
	return os.Rename(unpacked, programs)
}

func waitForLock(path string) (io.Closer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// initialise makes the data folder if there is none, and returns the
// superuser's password.
func initialise(ctx context.Context, dir string, as *account) (string, error) {
	const passwordName = "password"
	passwordFile := filepath.Join(dir, passwordName)
	if exists(filepath.Join(dir, dataFolder, "PG_VERSION")) {
		password, err := os.ReadFile(passwordFile)
		if err != nil {
			return "", app.Errorf(app.KindInvalid, "the password of the embedded PostgreSQL is gone: %w", err)
		}
		return string(password), nil
	}
	password := rand.Text()
	if err := os.WriteFile(passwordFile, []byte(password), 0o600); err != nil {
		return "", err
	}
	if err := as.own(passwordFile); err != nil {
		return "", err
	}
	// A folder that was left half made has another name, and is made anew.
	const half = "initdb"
	fresh := filepath.Join(dir, half)
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	initdb := as.command("initdb", "-D", as.path(half), "-U", superuser, "-A", "scram-sha-256", "--pwfile="+as.path(passwordName),
		"-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions")
	if output, err := initdb.CombinedOutput(); err != nil {
		return "", app.Errorf(app.KindUnavailable, "PostgreSQL could not make its files below data-dir in %s: %s", dir, initdbReason(output, err))
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return password, os.Rename(fresh, filepath.Join(dir, dataFolder))
}

// initdbReason finds in all that initdb says what it failed of.
func initdbReason(output []byte, err error) string {
	var lines []string
	for line := range strings.Lines(string(output)) {
		for _, severity := range []string{"PANIC:", "FATAL:", "ERROR:", "error:"} {
			if _, reason, found := strings.Cut(line, severity); found {
				return strings.TrimSpace(reason)
			}
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return fmt.Sprintf("%v: %s", err, strings.Join(lines, " | "))
}

// stopLeftover stops a server that an earlier process, killed, left running on
// the folder.
func stopLeftover(ctx context.Context, dir string) error {
	pid := serverPID(dir)
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("stopping the PostgreSQL that an earlier run left behind (process %d): %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for serverPID(dir) == pid {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the PostgreSQL that an earlier run left behind (process %d) does not stop: %w", pid, ctx.Err())
		}
	}
	return nil
}

// serverPID returns the process that serves the folder, or 0. Its own note may
// be out of date, and the number another program's by now.
func serverPID(dir string) int {
	if pid, serves := readNote(dir); serves {
		return pid
	}
	return 0
}

// dropForeignNote deletes the server's note when the process in it is another
// program, for which the server would wait for ever.
func dropForeignNote(dir string) error {
	pid, serves := readNote(dir)
	if serves || !exists(fmt.Sprintf("/proc/%d/cwd", pid)) {
		return nil // it may be one that is about to end
	}
	if err := os.Remove(notePath(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting the note of a PostgreSQL that an earlier run left behind: %w", err)
	}
	return nil
}

func notePath(dir string) string { return filepath.Join(dir, dataFolder, "postmaster.pid") }

// readNote returns the process that the server's note names, and whether that
// serves the folder.
func readNote(dir string) (pid int, serves bool) {
	note, err := os.ReadFile(notePath(dir))
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(note), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return 0, false
	}
	// The server works in its data folder. Without /proc this finds nothing,
	// and the new server refuses by itself to start beside the old one.
	works, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return pid, false
	}
	data, err := os.Stat(filepath.Join(dir, dataFolder))
	return pid, err == nil && os.SameFile(works, data)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
