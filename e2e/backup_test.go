package e2e

import (
	"bufio"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/e2e/servers"
)

// postgresClient runs a program of PostgreSQL's to its end.
func postgresClient(t *testing.T, name string, args ...string) {
	t.Helper()
	program, err := servers.PostgresClient(name)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// emptyRedis forgets all that is cached.
func emptyRedis(t *testing.T) {
	t.Helper()
	conn, err := net.Dial("tcp", redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("FLUSHALL\r\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
		t.Fatalf("%q, %v", line, err)
	}
}

// newServer starts a PostgreSQL of the test's own, with an empty database of the
// pipeline's name, and returns the URL of that.
func (p *pipeline) newServer() string {
	p.t.Helper()
	dir, err := os.MkdirTemp("", "millrace-restored-")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the server has a user of its own
		p.t.Fatal(err)
	}
	server, err := servers.StartPostgres(p.t.Context(), dir)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(server.Stop)
	postgresClient(p.t, "psql", "--dbname", server.URL, "--command", "CREATE DATABASE "+p.service)
	at, err := url.Parse(server.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	at.Path = p.service
	return at.String()
}

// What docs/deploying.md says of backups: a dump is restored on a new server, the
// group goes back to before it was made, and nothing is missing or there twice.
func TestABackupIsRestored(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_MAX_DELAY=100ms")
	p.start("shipper")
	consumer, gateway := p.start("consumer"), p.start("gateway")
	p.send(0, 50)
	p.expectStored(50)
	before := time.Now().Add(-time.Minute)
	dump := filepath.Join(t.TempDir(), "millrace.dump")
	postgresClient(t, "pg_dump", "--format=custom", "--file", dump, p.db)
	p.send(50, 70) // the server will be lost with these
	p.expectStored(120)

	consumer.Stop()
	gateway.Stop()
	p.db = p.newServer()
	postgresClient(t, "pg_restore", "--no-owner", "--dbname", p.db, dump)
	if all, _ := p.stored(); all != 50 {
		t.Fatalf("%d logs are in the backup", all)
	}
	for group, topic := range map[string]string{p.service: "logs", p.service + "-quarantine": "logs.poison"} {
		out, err := kafka.ConsumerGroups(t.Context(), "--group", group, "--topic", topic,
			"--reset-offsets", "--to-datetime", before.UTC().Format("2006-01-02T15:04:05.000"), "--execute")
		if err != nil || !strings.Contains(out, topic) {
			t.Fatalf("%v: %s", err, out)
		}
	}
	emptyRedis(t)
	p.start("consumer", "MILLRACE_POSTGRES_URL="+p.db)
	p.start("gateway", "MILLRACE_POSTGRES_URL="+p.db)
	p.send(120, 30)
	p.expectStored(150)
	eventually(t, "the newest log is among the newest logs", func() bool {
		return strings.Contains(p.get("gateway", "/api/query/recent").body, `"log 149"`)
	})
	if code, says := p.verify("--settle=0s"); code != 0 || !strings.Contains(says, "whole: 150 logs") {
		t.Errorf("verify ended with %d: %s", code, says)
	}
}
