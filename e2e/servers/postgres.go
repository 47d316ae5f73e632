package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Postgres is a real PostgreSQL that flushes each commit to disk.
type Postgres struct {
	*Process
	URL string
}

// StartPostgres makes a database cluster in a folder, and starts it. As root it
// runs as the user postgres, since PostgreSQL refuses to be root; that user
// must be able to enter the folder.
func StartPostgres(ctx context.Context, dir string) (*Postgres, error) {
	initdb, err := find("postgresql", "/usr/lib/postgresql/*/bin/initdb", "initdb")
	if err != nil {
		return nil, err
	}
	program, err := find("postgresql", filepath.Join(filepath.Dir(initdb), "postgres"), "postgres")
	if err != nil {
		return nil, err
	}
	as, err := runAs("postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "postgres")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	if as != nil {
		if err := os.Chown(data, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	command := func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		return cmd
	}
	if out, err := command(initdb, "-D", data, "-U", "millrace", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &Postgres{URL: fmt.Sprintf("postgres://millrace@127.0.0.1:%d/postgres?sslmode=disable", port)}
	p.Process = &Process{
		name: "PostgreSQL", log: filepath.Join(dir, "postgres.log"),
		command: func() *exec.Cmd {
			return command(program, "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
				"-c", "unix_socket_directories=", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB")
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

// Stop ends the server without waiting for its clients to leave.
func (p *Postgres) Stop() { p.end(syscall.SIGINT) }

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
