package embedded_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"millrace/app/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// tempDir is a folder on a way that only we may go, as root's home is.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "millrace-embedded-") // closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func startPostgres(t *testing.T, dir string) *embedded.Postgres {
	t.Helper()
	server, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func closeServer(t *testing.T, server interface{ Close() error }) {
	t.Helper()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// query runs one statement and returns its first value.
func query(t *testing.T, server *embedded.Postgres, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var value string
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return value
}

func TestPostgresFindsItsDataAgain(t *testing.T) {
	dir := tempDir(t)
	first := startPostgres(t, dir)
	query(t, first, "CREATE TABLE kept (v text)")
	query(t, first, "INSERT INTO kept VALUES ('yes')")
	if got := query(t, first, "SHOW fsync") + query(t, first, "SHOW synchronous_commit"); got != "onon" {
		t.Errorf("fsync and synchronous_commit are %s", got)
	}
	closeServer(t, first)
	second := startPostgres(t, dir)
	defer closeServer(t, second)
	if got := query(t, second, "SELECT v FROM kept"); got != "yes" {
		t.Errorf("got %q", got)
	}
}

func TestPostgresLeftRunningByAKilledProcessIsRecovered(t *testing.T) {
	dir := tempDir(t)
	// The server of a process that was killed is one that nobody closes.
	left := startPostgres(t, dir)
	query(t, left, "CREATE TABLE kept (v text)")
	query(t, left, "INSERT INTO kept VALUES ('yes')")
	next := startPostgres(t, dir)
	defer closeServer(t, next)
	if got := query(t, next, "SELECT v FROM kept"); got != "yes" {
		t.Errorf("got %q", got)
	}
	closeServer(t, left) // it is gone: nothing to do
}

func TestPostgresThatWasKilledIsRecovered(t *testing.T) {
	dir := tempDir(t)
	first := startPostgres(t, dir)
	query(t, first, "CREATE TABLE kept (v text)")
	query(t, first, "INSERT INTO kept VALUES ('yes')")
	note, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(note), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	second := startPostgres(t, dir)
	defer closeServer(t, second)
	if got := query(t, second, "SELECT v FROM kept"); got != "yes" {
		t.Errorf("got %q", got)
	}
}

// The machine may have been off: the number in the note is then given anew.
func TestPostgresWhoseNoteNamesAnotherProgramStarts(t *testing.T) {
	dir := tempDir(t)
	first := startPostgres(t, dir)
	query(t, first, "CREATE TABLE kept (v text)")
	query(t, first, "INSERT INTO kept VALUES ('yes')")
	path := filepath.Join(dir, "data", "postmaster.pid")
	note, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	closeServer(t, first)
	other := exec.Command("sleep", "60")
	if os.Geteuid() == 0 { // as the server then
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	_, rest, _ := strings.Cut(string(note), "\n")
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d\n%s", other.Process.Pid, rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	second := startPostgres(t, dir)
	defer closeServer(t, second)
	if got := query(t, second, "SELECT v FROM kept"); got != "yes" {
		t.Errorf("got %q", got)
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other program: %v", err)
	}
}

func TestPostgresWhoseFirstStartWasCutShortIsMadeAnew(t *testing.T) {
	dir := tempDir(t)
	half := filepath.Join(dir, "initdb")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("17\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := startPostgres(t, dir)
	defer closeServer(t, server)
	if got := query(t, server, "SELECT 'up'"); got != "up" {
		t.Errorf("got %q", got)
	}
}

func TestAPortInUseNamesTheSettings(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	_, kafkaErr := embedded.StartKafka(embedded.KafkaConfig{Dir: t.TempDir(), Port: port, Logger: quiet})
	_, postgresErr := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: tempDir(t), Port: port, Logger: quiet})
	_, redisErr := embedded.StartRedis(embedded.RedisConfig{Port: port})
	for err, names := range map[error][2]string{
		kafkaErr:    {"embedded-kafka-port", "kafka-brokers"},
		postgresErr: {"embedded-postgres-port", "postgres-url"},
		redisErr:    {"embedded-redis-port", "redis-addr"},
	} {
		if err == nil || !strings.Contains(err.Error(), names[0]) || !strings.Contains(err.Error(), names[1]) {
			t.Errorf("want %v named, got %v", names, err)
		}
	}
}

func TestLockKeepsASecondProcessOut(t *testing.T) {
	dir := t.TempDir()
	lock, err := embedded.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Lock(dir); err == nil || !strings.Contains(err.Error(), "data-dir") {
		t.Errorf("got %v", err)
	}
	lock.Close()
	again, err := embedded.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestRedisLetsKeysGrowOld(t *testing.T) {
	server, err := embedded.StartRedis(embedded.RedisConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, server)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	if err := client.Set(t.Context(), "k", "v", time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return errors.Is(client.Get(t.Context(), "k").Err(), redis.Nil) })
}

const (
	topic = "logs"
	group = "readers"
)

func startKafka(t *testing.T, dir string, retention int64) (*embedded.Kafka, *kgo.Client) {
	t.Helper()
	server, err := embedded.StartKafka(embedded.KafkaConfig{Dir: dir, Groups: []string{"another", group, "idle"}, RetentionBytes: retention, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(server.Brokers()...), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil && !strings.Contains(err.Error(), "exists") {
		t.Fatal(err)
	}
	return server, client
}

func produce(t *testing.T, client *kgo.Client, megabytes int) {
	t.Helper()
	value := make([]byte, 512<<10)
	_, _ = rand.Read(value)
	for range 2 * megabytes {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t *testing.T, client *kgo.Client) int64 {
	t.Helper()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.CommitAllOffsets(t.Context(), group, ends.Offsets()); err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	return end.Offset
}

func TestKafkaDeletesWhatWasConsumedAndNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	server, client := startKafka(t, dir, 16<<20)
	produce(t, client, 64)
	if size := folderSize(t, dir); size < 64<<20 {
		t.Fatalf("what nobody consumed is gone: %d bytes are left", size)
	}
	// Of two groups the one behind counts; one that never came does not.
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "another", kadm.OffsetsList{{Topic: topic, At: 64}}.Offsets()); err != nil {
		t.Fatal(err)
	}
	end := commit(t, client)
	eventually(t, func() bool { return folderSize(t, dir) <= 48<<20 })
	if size := folderSize(t, dir); size < 31<<20 {
		t.Fatalf("what one group has yet to consume is gone: %d bytes are left", size)
	}
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "another", kadm.OffsetsList{{Topic: topic, At: end}}.Offsets()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return folderSize(t, dir) <= 16<<20 })

	// A restart finds the offsets where they were, consumed and produced.
	client.Close()
	closeServer(t, server)
	server, client = startKafka(t, dir, 16<<20)
	defer closeServer(t, server)
	defer client.Close()
	committed, err := kadm.NewClient(client).FetchOffsets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := committed.Lookup(topic, 0); !ok || at.At != end {
		t.Errorf("the group is at %d, want %d", at.At, end)
	}
	produce(t, client, 1)
	if got := commit(t, client); got != end+2 {
		t.Errorf("the log ends at %d, want %d", got, end+2)
	}
}

func TestKafkaKeepsWhatItAcknowledgedWhenKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	server, client := startKafka(t, dir, 1<<30)
	produce(t, client, 2)
	end := commit(t, client)
	// What is on disk now is what a killed process would leave.
	copied := filepath.Join(t.TempDir(), "copied")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	client.Close()
	closeServer(t, server)

	server, client = startKafka(t, copied, 1<<30)
	defer closeServer(t, server)
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := ends.Lookup(topic, 0); got.Offset != end {
		t.Errorf("the log ends at %d, want %d", got.Offset, end)
	}
}

func folderSize(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // deleted while we look
		}
		if info, err := entry.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come about")
		}
	}
}
