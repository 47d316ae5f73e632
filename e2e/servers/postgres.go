package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a real PostgreSQL that flushes each commit to disk.
type Postgres struct {
	*Process
	URL string
}

// StartPostgres makes a database cluster in a folder, and starts it. As root it
// runs as the user postgres, since PostgreSQL refuses to be root; that user
// must be able to enter the folder. settings are more of the server's own, as
// NAME=VALUE.
func StartPostgres(ctx context.Context, dir string, settings ...string) (*Postgres, error) {
	initdb, err := find("postgresql", "/usr/lib/postgresql/*/bin/initdb", "initdb")
	if err != nil {
		return nil, err
	}
	program, err := find("postgresql", filepath.Join(filepath.Dir(initdb), "postgres"), "postgres")
	if err != nil {
		return nil, err
	}
	data, command, err := dataFolder(dir)
	if err != nil {
		return nil, err
	}
	if out, err := command(initdb, "-D", data, "-U", "millrace", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return run(ctx, "PostgreSQL", dir, data, command, program, settings...)
}

// run runs a server on its data.
func run(ctx context.Context, name, dir, data string, command func(string, ...string) *exec.Cmd, program string, settings ...string) (*Postgres, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	p := &Postgres{URL: fmt.Sprintf("postgres://millrace@127.0.0.1:%d/postgres?sslmode=disable", port)}
	p.Process = &Process{
		name: name, log: filepath.Join(dir, "postgres.log"),
		command: func() *exec.Cmd {
			args := []string{"-D", data, "-p", strconv.Itoa(port)}
			for _, setting := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=512MB", "max_wal_size=4GB"}, settings...) {
				args = append(args, "-c", setting)
			}
			return command(program, args...)
		},
		ready: func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, p.URL)
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	}
	return p, p.start(ctx)
}

// dataFolder makes a folder for a server's data, and returns it with what makes
// commands of the user that owns it.
func dataFolder(dir string) (data string, command func(program string, args ...string) *exec.Cmd, err error) {
	as, err := runAs("postgres")
	if err != nil {
		return "", nil, err
	}
	data = filepath.Join(dir, "postgres")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", nil, err
	}
	if as != nil {
		if err := os.Chown(data, int(as.Uid), int(as.Gid)); err != nil {
			return "", nil, err
		}
	}
	return data, func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		return cmd
	}, nil
}

// StartReplica copies a running server into a folder, as StartPostgres takes it,
// and starts the copy as a replica that replays what the server writes.
func StartReplica(ctx context.Context, of *Postgres, dir string) (*Postgres, error) {
	backup, err := find("postgresql", "/usr/lib/postgresql/*/bin/pg_basebackup", "pg_basebackup")
	if err != nil {
		return nil, err
	}
	data, command, err := dataFolder(dir)
	if err != nil {
		return nil, err
	}
	if out, err := command(backup, "-d", of.URL, "-D", data, "--write-recovery-conf", "--checkpoint=fast").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return run(ctx, "the replica", dir, data, command, filepath.Join(filepath.Dir(backup), "postgres"))
}

// PostgresClient returns the path of a program of PostgreSQL's, such as pg_dump.
func PostgresClient(name string) (string, error) {
	return find("postgresql-client", "/usr/lib/postgresql/*/bin/"+name, name)
}

// Stop ends the server without waiting for its clients to leave.
func (p *Postgres) Stop() { p.end(syscall.SIGINT) }

// Kill ends the server with all its processes as kill -9 does, and waits until
// they are gone: one that still holds its memory keeps the next server from
// starting. Each of them has a process group of its own.
func (p *Postgres) Kill() {
	p.Process.Pause()                 // first, so that it starts no more
	p.signalChildren(syscall.SIGSTOP) // none is to end a transaction now
	children := p.children()
	p.Process.signal(syscall.SIGKILL)
	signalEach(children, syscall.SIGKILL)
	p.Process.Kill()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for slices.ContainsFunc(children, holdsMemory) {
		<-tick.C
	}
}

// holdsMemory tells whether a process is there, and not merely its exit code.
func holdsMemory(pid int) bool {
	said, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(said), ") ") // behind the program's name
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// Pause freezes the server and all its processes.
func (p *Postgres) Pause() {
	p.Process.Pause() // first, so that it starts no more
	p.signalChildren(syscall.SIGSTOP)
}

// Resume ends Pause.
func (p *Postgres) Resume() {
	p.signalChildren(syscall.SIGCONT)
	p.Process.Resume()
}

func (p *Postgres) signalChildren(signal syscall.Signal) { signalEach(p.children(), signal) }

// children returns the server's processes.
func (p *Postgres) children() []int {
	if p.running == nil {
		return nil
	}
	pid := p.PID()
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // gone: no children
	var children []int
	for _, field := range strings.Fields(string(list)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}

func signalEach(pids []int, signal syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal) // one that is gone needs no signal
	}
}

// runAs returns a user to run as when we are root, and nil otherwise.
func runAs(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if errUID != nil || errGID != nil {
		return nil, fmt.Errorf("user %s has the numbers %s and %s", name, u.Uid, u.Gid)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
