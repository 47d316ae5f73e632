package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"millrace/app"
)

// settingsFrom loads settings as main does.
func settingsFrom(t *testing.T, file string, env map[string]string, args ...string) (app.Config, error) {
	t.Helper()
	cfg := app.DefaultConfig()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings := bindSettings(flags, &cfg)
	if file != "" {
		path := filepath.Join(t.TempDir(), "millrace.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config="+path)
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return cfg, settings.load()
}

func TestFlagsOverruleTheEnvironmentWhichOverrulesTheFile(t *testing.T) {
	cfg, err := settingsFrom(t,
		"batching:\n  max-batch-size: 10\n  max-delay: 1s\n  max-bytes: 5000\n",
		map[string]string{"MILLRACE_BATCHING_MAX_DELAY": "2s", "MILLRACE_BATCHING_MAX_BYTES": "6000"},
		"--batching-max-bytes=7000")
	if err != nil {
		t.Fatal(err)
	}
	if b := cfg.Batching; b.MaxBatchSize != 10 || b.MaxDelay != 2*time.Second || b.MaxBytes != 7000 {
		t.Errorf("got %+v", b)
	}
}

func TestEverySettingHasAHelpAndANameInEachForm(t *testing.T) {
	cfg := app.DefaultConfig()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	for _, name := range bindSettings(flags, &cfg).names {
		if flags.Lookup(name).Usage == "" || strings.Contains(name, "--") || strings.HasPrefix(name, "-") {
			t.Errorf("setting %q has no help or no good name", name)
		}
	}
}

// The configuration that the Spring Boot system shows works as it stands.
func TestTheSpringFormIsUnderstood(t *testing.T) {
	cfg, err := settingsFrom(t, `
batching:
  max-batch-size: 500       # Size trigger
  buffer-capacity: 20000    # Max buffered logs
spring:
  kafka:
    producer:
      acks: all          # Wait for all replicas
      retries: 5         # Retry failed sends
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Batching.MaxBatchSize != 500 || cfg.Batching.BufferCapacity != 20000 || cfg.Kafka.Producer.Acks != "all" || cfg.Kafka.Producer.Retries != 5 {
		t.Errorf("got %+v %+v", cfg.Batching, cfg.Kafka)
	}
}

func TestListsInEachForm(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		env  map[string]string
		args []string
	}{
		"file, list":   {file: "kafka:\n  brokers: [a:1, b:2]\n"},
		"file, flat":   {file: "kafka-brokers: a:1,b:2\n"},
		"environment":  {env: map[string]string{"MILLRACE_KAFKA_BROKERS": "a:1,b:2"}},
		"command line": {args: []string{"--kafka-brokers=a:1,b:2"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := settingsFrom(t, c.file, c.env, c.args...)
			if err != nil || strings.Join(cfg.Kafka.Brokers, " ") != "a:1 b:2" {
				t.Errorf("brokers %q, error %v", cfg.Kafka.Brokers, err)
			}
		})
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		env  map[string]string
		want string
	}{
		"misspelt in the file":        {file: "kafka:\n  broker: [a:1]\n", want: "kafka-brokers"},
		"misspelt in the environment": {env: map[string]string{"MILLRACE_KAFKA_BROKER": "a:1"}, want: "kafka-brokers"},
		"no number":                   {env: map[string]string{"MILLRACE_KAFKA_PARTITIONS": "many"}, want: "MILLRACE_KAFKA_PARTITIONS"},
		"no duration":                 {file: "batching: {max-delay: 5}\n", want: "batching-max-delay"},
		"no YAML":                     {file: "a: [", want: "no YAML with settings"},
		"no value":                    {file: "gateway: {addr: null}\n", want: "gateway-addr: it has no value"},
		"further off":                 {env: map[string]string{"MILLRACE_SHIPPER_ADDRESS": "a:1"}, want: "MILLRACE_SHIPPER_ADDRESS is no setting; did you mean shipper-addr?"},
		"quite another name":          {env: map[string]string{"MILLRACE_NONSENSE": "1"}, want: "MILLRACE_NONSENSE is no setting"},
		"a list":                      {file: "- a\n", want: "no YAML with settings by their names"},
		"a name that is no text":      {file: "batching: {1: 2}\n", want: "batching"},
		"a value for a group":         {file: "kafka: hello\n", want: "kafka is a group of settings"},
		"a group within a list":       {file: "kafka: {brokers: [{a: b}]}\n", want: "no value for a setting"},
		"one name twice":              {file: "batching: {max-delay: 5s}\nbatching: {max-delay: 6s}\n", want: "already defined"},
		"one setting twice":           {file: "batching: {max-delay: 5s}\nbatching-max-delay: 6s\n", want: "set twice"},
		"bytes":                       {file: "\xff\xfe\x00", want: "no YAML with settings"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := settingsFrom(t, c.file, c.env); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want it to say in one line %q", err, c.want)
			}
		})
	}
}

// An orchestrator puts addresses of its own beside our settings, under names
// that begin like ours.
func TestForeignNamesInTheEnvironmentAreLeftAlone(t *testing.T) {
	if _, err := settingsFrom(t, "", map[string]string{
		"MILLRACE_PORT": "tcp://10.0.0.1:80", "MILLRACE_SERVICE_HOST": "10.0.0.1", "MILLRACE_GATEWAY_SERVICE_HOST": "10.0.0.1",
		"MILLRACE_GATEWAY_SERVICE_PORT": "8080", "MILLRACE_GATEWAY_SERVICE_PORT_HTTP": "8080", "MILLRACE_GATEWAY_PORT": "tcp://10.0.0.1:8080",
		"MILLRACE_GATEWAY_PORT_8080_TCP": "tcp://10.0.0.1:8080", "MILLRACE_GATEWAY_PORT_8080_TCP_PROTO": "tcp",
		"MILLRACE_GATEWAY_PORT_8080_TCP_PORT": "8080", "MILLRACE_GATEWAY_PORT_8080_TCP_ADDR": "10.0.0.1",
	}); err != nil {
		t.Error(err)
	}
}

func TestAGroupMayBeEmpty(t *testing.T) {
	for _, file := range []string{"", "# nothing\n", "kafka:\n  # brokers: [a:1]\nbatching:\n"} {
		if cfg, err := settingsFrom(t, file, nil); err != nil || len(cfg.Kafka.Brokers) > 0 {
			t.Errorf("%q: %v", file, err)
		}
	}
}
