package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/app"
)

func TestTheJournalsDiskIsExamined(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*app.Config)
		want   string
	}{
		"a folder":        {func(*app.Config) {}, "to be on disk"},
		"a small share":   {func(cfg *app.Config) { cfg.Journal.DiskShare = 1e-9 }, "WRONG   journal     the journal may take 0 MB"},
		"a large journal": {func(cfg *app.Config) { cfg.Journal.MaxBytes = 1 << 60 }, "less than journal-max-bytes"},
		"no folder yet":   {func(cfg *app.Config) { cfg.DataDir = filepath.Join(dir, "missing") }, "does not exist yet"},
		"no folder":       {func(cfg *app.Config) { cfg.DataDir = file }, "WRONG   journal     the data folder"},
		"no journal":      {func(cfg *app.Config) { cfg.Batching.Acknowledge = "flushed" }, "→ set batching-acknowledge to journaled"},
	} {
		cfg := app.DefaultConfig()
		cfg.DataDir = dir
		tc.change(&cfg)
		if got := prescribe(examineJournal(cfg), false); !strings.Contains(got, tc.want) {
			t.Errorf("%s: it lacks %q:\n%s", name, tc.want, got)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "doctor-*")); len(left) > 0 {
		t.Errorf("it leaves %v behind", left)
	}
}

func TestTheFilesOfCertificatesAreExamined(t *testing.T) {
	cfg := app.DefaultConfig()
	if found := examineCertificates(cfg); len(found) > 0 {
		t.Errorf("there are none, and it found %v", found)
	}
	none := filepath.Join(t.TempDir(), "none.pem")
	cfg.TLS = app.TLSConfig{Cert: none, Key: none, CA: none}
	if got := prescribe(examineCertificates(cfg), false); strings.Count(got, "WRONG   TLS") != 2 || !strings.Contains(got, "tls-cert") || !strings.Contains(got, none) {
		t.Error(got)
	}
}

func TestTheSearchedServerIsExamined(t *testing.T) {
	cfg := app.DefaultConfig()
	if got := prescribe(examine(t.Context(), cfg), false); !strings.Contains(got, "unset   searches    postgres-read-url is not set") {
		t.Error(got)
	}
	cfg.Postgres.ReadURL = "postgres://127.0.0.1:1/millrace"
	if got := prescribe(examine(t.Context(), cfg), true); !strings.Contains(got, "WRONG   searches    PostgreSQL at 127.0.0.1:1 cannot be reached") {
		t.Error(got)
	}
}

func TestWhatIsNotSetIsEmbedded(t *testing.T) {
	found := examine(t.Context(), app.DefaultConfig())
	if got := prescribe(found, true); strings.Contains(got, "Kafka") {
		t.Errorf("quiet tells of what is fine: %s", got)
	}
	if got := prescribe(found, false); !strings.Contains(got, "unset   Kafka       kafka-brokers is not set: millrace up brings its own") {
		t.Error(got)
	}
}
