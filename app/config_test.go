package app_test

import (
	"strings"
	"testing"

	"millrace/app"
)

func TestDefaultsAreValid(t *testing.T) {
	cfg := app.DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

func TestEveryWrongSettingIsNamedAndNoSecretShown(t *testing.T) {
	cfg := app.DefaultConfig()
	cfg.Kafka.Brokers = []string{"localhost"}
	cfg.Kafka.Compression = "rar"
	cfg.Postgres.URL = "mysql://root:hunter2@localhost/db"
	cfg.Batching.BufferCapacity = 10
	cfg.Gateway.Addr = "8080"
	err := cfg.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"kafka-brokers", "kafka-compression", "postgres-url", "batching-buffer-capacity", "gateway-addr"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is shown: %v", err)
	}
}

// A file that passes is one with which the roles start, as far as can be told
// without the machines that it names.
func TestEachSettingIsChecked(t *testing.T) {
	for name, change := range map[string]func(*app.Config){
		"journal-disk-share":       func(c *app.Config) { c.Journal.DiskShare = 7 },
		"journal-max-bytes":        func(c *app.Config) { c.Journal.MaxBytes = 0 },
		"embedded-kafka-port":      func(c *app.Config) { c.Embedded.KafkaPort = 99999 },
		"embedded-postgres-port":   func(c *app.Config) { c.Embedded.PostgresPort = -1 },
		"embedded-redis-port":      func(c *app.Config) { c.Embedded.RedisPort = 65536 },
		"embedded-kafka-retention": func(c *app.Config) { c.Embedded.KafkaRetention = -1 },
		"consumer-addr":            func(c *app.Config) { c.Consumer.Addr = ":99999" },
		"shipper-addr":             func(c *app.Config) { c.Shipper.Addr = "127.0.0.1:" },
		"kafka-brokers":            func(c *app.Config) { c.Kafka.Brokers = []string{"a:9092", "x:99999999"} },
		"redis-addr":               func(c *app.Config) { c.Redis.Addr = "redis:0" },
		"postgres-url":             func(c *app.Config) { c.Postgres.URL = "postgres://h:99999/d" },
		"postgres-read-url":        func(c *app.Config) { c.Postgres.ReadURL = "mysql://h/d" },
		"gateway-url":              func(c *app.Config) { c.Gateway.URL = "ftp://x" },
		"gateway-shippers":         func(c *app.Config) { c.Gateway.Shippers = []string{"http://a:99999"} },
		"gateway-consumers":        func(c *app.Config) { c.Gateway.Consumers = []string{"http://a", "b:8083"} },
		"gateway-producers":        func(c *app.Config) { c.Gateway.Producers = []string{"http://:8081"} },
		"producer-target":          func(c *app.Config) { c.Producer.URL = "zz" },
		"tracing-endpoint":         func(c *app.Config) { c.Tracing.Endpoint = "localhost:4318" },
	} {
		cfg := app.DefaultConfig()
		change(&cfg)
		err := cfg.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), name+" is ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	cfg := app.DefaultConfig()
	cfg.Gateway.Addr, cfg.Shipper.Addr = "127.0.0.1:0", ":65535"
	cfg.Kafka.Brokers = []string{"[::1]:9092", ":9092"}
	cfg.Postgres.URL = "postgres://u:p@a:5432,b:5433/d?sslmode=require"
	cfg.Postgres.ReadURL = "postgresql:///d?host=/run/postgresql"
	cfg.Gateway.URL = "https://logs.example.org/millrace/"
	cfg.Embedded.KafkaPort = 65535
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}
