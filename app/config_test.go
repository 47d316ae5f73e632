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
