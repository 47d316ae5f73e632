package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"millrace/e2e/servers"
)

// newReplica starts a replica of the server that all tests share, and returns a
// connection to it, and the URL of the pipeline's database there.
func (p *pipeline) newReplica() (conn *pgx.Conn, address string) {
	p.t.Helper()
	dir, err := os.MkdirTemp("", "millrace-replica-")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the server has a user of its own
		p.t.Fatal(err)
	}
	replica, err := servers.StartReplica(p.t.Context(), postgres, dir)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(replica.Stop)
	at, err := url.Parse(replica.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	at.Path = p.service // the database's name, too
	conn, err = pgx.Connect(p.t.Context(), replica.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close(p.t.Context()) })
	return conn, at.String()
}

func execOn(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// What a replica has not got yet is missing from an answer while that is so, and
// not for as long as answers about times long past are kept.
func TestSearchesOfAReplicaThatIsBehind(t *testing.T) {
	p := newPipeline(t)
	replica, address := p.newReplica()
	p.start("shipper")
	p.start("consumer")
	p.start("gateway", "MILLRACE_POSTGRES_READ_URL="+address)

	kept := goredis.NewClient(&goredis.Options{Addr: redis.Addr})
	defer kept.Close()
	answers := func() []string {
		keys, err := kept.Keys(t.Context(), "millrace:answer:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	others := answers() // of other tests

	past := time.Now().Add(-48 * time.Hour).UTC().Truncate(time.Second)
	path := "/api/logs/stats?" + url.Values{
		"service": {p.service}, "from": {past.Add(-time.Hour).Format(time.RFC3339)}, "to": {past.Add(time.Hour).Format(time.RFC3339)},
	}.Encode()
	counts := func() (n int, from string) {
		status, from, body := p.asked(path)
		var stats struct{ Count int }
		if err := json.Unmarshal([]byte(body), &stats); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		return stats.Count, from
	}
	send := func(message string) {
		line := fmt.Sprintf(`{"timestamp":%q,"service":%q,"message":%q}`, past.Format(time.RFC3339), p.service, message)
		if got := p.post("application/json", line); got.status != http.StatusAccepted {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}

	doctor := func() string {
		out, _, _ := p.command("", "doctor", "--postgres-read-url="+address) // of other servers it may think what it likes
		return out
	}
	if out := doctor(); !strings.Contains(out, "a replica that has what was stored until now") || !strings.Contains(out, "it is a standby") {
		t.Errorf("doctor finds:\n%s", out)
	}
	execOn(t, replica, "SELECT pg_wal_replay_pause()")
	send("late")
	p.expectStored(1)
	if out := doctor(); !strings.Contains(out, "and replays nothing") || !strings.Contains(out, "pg_wal_replay_resume()") {
		t.Errorf("doctor finds:\n%s", out)
	}
	if n, from := counts(); n != 0 || from != "miss" {
		t.Fatalf("the replica that is held back answers %d, %s", n, from)
	}
	execOn(t, replica, "SELECT pg_wal_replay_resume()")
	eventually(t, "the log is found once the replica has it", func() bool { n, _ := counts(); return n == 1 })

	// With the replica at work such an answer is kept for long.
	eventually(t, "an answer is kept for long", func() bool {
		counts()
		return slices.ContainsFunc(answers(), func(key string) bool {
			return !slices.Contains(others, key) && kept.TTL(t.Context(), key).Val() > time.Hour
		})
	})
	send("later still")
	p.expectStored(2)
	if n, from := counts(); n != 1 || from != "hit" {
		t.Errorf("what is kept for long answers %d, %s", n, from)
	}
}
