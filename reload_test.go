package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/pflag"

	"millrace/app"
)

// watchedSettings is a settings file that roles run with.
type watchedSettings struct {
	t    *testing.T
	file string

	mu   sync.Mutex
	told []app.Config // guarded by mu, as is log
	log  strings.Builder
}

// Write takes what is logged.
func (w *watchedSettings) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *watchedSettings) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

// heard returns what the roles were told since they were asked last.
func (w *watchedSettings) heard() []app.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

// logged returns what was logged since it was asked for last.
func (w *watchedSettings) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.log.Reset()
	return w.log.String()
}

// whileWatched runs a test while roles run with a settings file.
func whileWatched(t *testing.T, text string, test func(*watchedSettings), args ...string) {
	w := &watchedSettings{t: t, file: filepath.Join(t.TempDir(), "millrace.yaml")}
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := app.DefaultConfig()
	settings := bindSettings(pflag.NewFlagSet("test", pflag.ContinueOnError), &cfg)
	if err := settings.flags.Parse(append(args, "--config="+w.file)); err != nil {
		t.Fatal(err)
	}
	if err := settings.load(); err != nil {
		t.Fatal(err)
	}
	logger, _ := loggerTo(w, cfg)
	synctest.Test(t, func(t *testing.T) {
		w.t = t
		ended := errors.New("the role ended")
		err := settings.watched(t.Context(), cfg, logger, func(_ context.Context, cfg app.Config) error {
			defer cfg.Live.Hear(func(before, now app.Config) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.told = append(w.told, before, now)
			})()
			test(w)
			return ended
		})
		if !errors.Is(err, ended) {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestLevelAndRateAreTakenAnewFromTheFile(t *testing.T) {
	whileWatched(t, "producer: {rate: 3}\n", func(w *watchedSettings) {
		w.write("producer: {rate: 7}\nlog-level: debug\n")
		told := w.heard()
		if len(told) != 2 || told[0].Producer.Rate != 3 || told[1].Producer.Rate != 7 || told[0].LogLevel != "info" || told[1].LogLevel != "debug" {
			t.Fatalf("told of %+v", told)
		}
		if line := w.logged(); strings.Count(line, "\n") != 1 || !strings.Contains(line, "settings are taken anew") ||
			!strings.Contains(line, "producer-rate=7") || !strings.Contains(line, "log-level=debug") {
			t.Errorf("logged %s", line)
		}
		w.write("producer: {rate: 7}\n") // back to the default
		if told := w.heard(); len(told) != 2 || told[0].LogLevel != "debug" || told[1].LogLevel != "info" || told[0].Producer != told[1].Producer {
			t.Errorf("told of %+v", told)
		}
	})
}

func TestWhatNeedsARestartIsNamed(t *testing.T) {
	whileWatched(t, "kafka: {brokers: [a:1]}\n", func(w *watchedSettings) {
		w.write("kafka: {brokers: [b:1]}\npostgres-connections: 5\n")
		if line := w.logged(); strings.Count(line, "\n") != 1 || !strings.Contains(line, "need a restart") ||
			!strings.Contains(line, "settings=kafka-brokers,postgres-connections") {
			t.Errorf("logged %s", line)
		}
		w.write("kafka: {brokers: [a:1]} # as it was\n")
		if line := w.logged(); line != "" || len(w.heard()) > 0 {
			t.Errorf("logged %s", line)
		}
	})
}

func TestABadFileLeavesTheSettings(t *testing.T) {
	whileWatched(t, "producer: {rate: 3}\n", func(w *watchedSettings) {
		for text, want := range map[string]string{
			"producer: {rate: fast}\n":                     "millrace.yaml:1: producer-rate is",
			"producer: {rate: -1}\nkafka: {partitions: 0}": "producer-rate",
			"producer: {rat: 5}\n":                         "did you mean producer-rate",
			"producer: [\n":                                "no YAML",
		} {
			w.write(text)
			line := w.logged()
			if strings.Count(line, "\n") != 1 || !strings.Contains(line, "left as they were") || !strings.Contains(line, want) || len(w.heard()) > 0 {
				t.Errorf("%q: logged %s", text, line)
			}
		}
		if err := os.Remove(w.file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if line := w.logged(); !strings.Contains(line, "is gone") || len(w.heard()) > 0 {
			t.Errorf("logged %s", line)
		}
		w.write("producer: {rate: 4}\n")
		if told := w.heard(); len(told) != 2 || told[1].Producer.Rate != 4 {
			t.Errorf("told of %+v", told)
		}
	})
}

func TestFlagsAndTheEnvironmentGoOnOverrulingTheFile(t *testing.T) {
	t.Setenv("MILLRACE_LOG_LEVEL", "warn")
	whileWatched(t, "producer: {rate: 3}\n", func(w *watchedSettings) {
		w.write("producer: {rate: 7}\nlog-level: debug\ndata-dir: elsewhere\n")
		if told := w.heard(); len(told) > 0 {
			t.Errorf("told of %+v", told)
		}
		if line := w.logged(); strings.Contains(line, "rate") || !strings.Contains(line, "settings=data-dir") {
			t.Errorf("logged %s", line)
		}
	}, "--producer-rate=5", "--kafka-brokers=a:1,b:2")
}
