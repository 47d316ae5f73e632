package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// millrace runs the command line and returns what it prints.
func millrace(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	command := newCommand()
	command.SetOut(&out)
	command.SetArgs(args)
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "millrace.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigTellsWhereEachSettingIsFrom(t *testing.T) {
	file := settingsFile(t, "kafka:\n  brokers: [a:1, b:2]\n  partitions: 8\n")
	t.Setenv("MILLRACE_KAFKA_PARTITIONS", "12")
	t.Setenv("MILLRACE_REDIS_PASSWORD", "secret-1")
	out, err := millrace(t, "config", "--config", file, "--kafka-group=g",
		"--postgres-url=postgres://user:secret-2@db:5432/logs?sslmode=require&sslpassword=secret-3")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(out) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rows[name] = strings.Join(strings.Fields(rest), " ")
	}
	for name, want := range map[string]string{
		"kafka-brokers":     "a:1,b:2 " + file,
		"kafka-partitions":  "12 MILLRACE_KAFKA_PARTITIONS",
		"kafka-group":       "g --kafka-group",
		"kafka-compression": "zstd default",
		"redis-password":    "(hidden) MILLRACE_REDIS_PASSWORD",
		"postgres-url":      "postgres://user:xxxxx@db:5432/logs?sslmode=require&sslpassword=xxxxx --postgres-url",
	} {
		if rows[name] != want {
			t.Errorf("%s: %q, want %q", name, rows[name], want)
		}
	}
	if strings.Contains(out, "secret-") {
		t.Errorf("a secret is shown:\n%s", out)
	}
	if out, err := millrace(t, "config", "--changed"); err != nil || strings.Count(out, "\n") != 3 {
		t.Errorf("error %v; two settings are changed, but it prints:\n%s", err, out)
	}
}

func TestConfigShowsWhatCannotBeRight(t *testing.T) {
	out, err := millrace(t, "config", "--kafka-partitions=0")
	if err == nil || !strings.Contains(err.Error(), "kafka-partitions is 0") || !strings.Contains(out, "--kafka-partitions") {
		t.Errorf("error %v; it prints:\n%s", err, out)
	}
}

func TestConfigCheckNamesAllThatIsWrong(t *testing.T) {
	t.Setenv("MILLRACE_KAFKA_PARTITIONS", "0") // no part of the file
	good := settingsFile(t, "kafka:\n  brokers: [a:1]\nlog-level: warn\n")
	if out, err := millrace(t, "config", "check", good); err != nil || !strings.Contains(out, "2 settings, nothing wrong") {
		t.Errorf("error %v; it prints %s", err, out)
	}
	for text, want := range map[string][]string{
		"kafka:\n  broker: [a:1]\nbatchin:\n  max-delay: 5s\n":    {"millrace.yaml:2: kafka-broker is no setting; did you mean kafka-brokers?", "millrace.yaml:4: batchin-max-delay"},
		"spring:\n  kafka:\n    producer:\n      ackss: all\n":    {"millrace.yaml:4: kafka-producer-ackss", "kafka-producer-acks?"},
		"kafka:\n  partitions: many\nbatching:\n  max-delay: 5\n": {`millrace.yaml:2: kafka-partitions is "many": want a whole number`, `millrace.yaml:4: batching-max-delay is "5": want a time such as 5s`},
		"kafka:\n  partitions: 0\nlog-level: loud\n":              {"millrace.yaml:2: kafka-partitions is 0: want 1 or more", `millrace.yaml:3: log-level is "loud": want one of debug, info, warn, error`},
		"foo: 1\nbatching:\n  max-delay: 5\nlog-level: loud\n":    {"foo is no setting", "millrace.yaml:3: batching-max-delay is ", `log-level is "loud"`},
		"spring: {kafka: {producer: {\n  retries: -1}}}\n":        {"millrace.yaml:2: kafka-producer-retries is -1"},
		"- a\n": {"no YAML with settings"},
	} {
		_, err := millrace(t, "config", "check", settingsFile(t, text))
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v lacks %q", text, err, part)
			}
		}
	}
	for _, alone := range []string{"batching: {max-batch-size: abc}\n", "batching: {max-delay: soon}\n", "producer: {rate: fast}\n", "gateway: {cache: maybe}\n"} {
		if _, err := millrace(t, "config", "check", settingsFile(t, alone)); err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "strconv") {
			t.Errorf("%q is told not in one line, or in Go's words: %v", alone, err)
		}
	}
	if out, err := millrace(t, "config", "check", settingsFile(t, "log-level: warn\n")); err != nil || !strings.Contains(out, ": 1 setting, nothing wrong") {
		t.Errorf("error %v; it prints %s", err, out)
	}
	if _, err := millrace(t, "config", "check", "/nowhere.yaml"); err == nil {
		t.Error("a file that is not there passes")
	}
}

// docs/configuration.md is what the program says of itself.
func TestTheReferenceIsUpToDate(t *testing.T) {
	kept, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	printed, err := millrace(t, "config", "reference")
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != printed {
		t.Error("docs/configuration.md is not what millrace config reference prints: run ./task docs")
	}
}
