package servers_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"

	"millrace/e2e/servers"
)

// tempDir is a folder that the user postgres may enter too.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "millrace-servers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestServersKeepTheirDataWhenKilled(t *testing.T) {
	dir := tempDir(t)
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	kafka, err := servers.StartKafka(t.Context(), dir, repository)
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Kill()
	t.Log(kafka.Command())
	admin, err := sarama.NewClusterAdmin(kafka.Brokers, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.CreateTopic("kept", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	admin.Close()
	kafka.Kill()
	if err := kafka.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if admin, err = sarama.NewClusterAdmin(kafka.Brokers, sarama.NewConfig()); err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if topics, err := admin.ListTopics(); err != nil || len(topics) != 1 {
		t.Errorf("topics %v, error %v", topics, err)
	}

	postgres, err := servers.StartPostgres(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Kill()
	t.Log(postgres.Command())
	exec := func(sql string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), postgres.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE kept ()")
	postgres.Kill()
	if err := postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec("DROP TABLE kept")

	redis, err := servers.StartRedis(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Kill()
	t.Log(redis.Command())
	redis.Stop()
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}
