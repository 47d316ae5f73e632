package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/spf13/cobra"

	"millrace/app"
	"millrace/app/otlp"
	"millrace/http/intake"
	"millrace/middleware/batching"
	"millrace/middleware/journal"
)

// journalSays runs a command of millrace journal on a data directory.
func journalSays(data, command string) (string, error) {
	cfg := app.DefaultConfig()
	cfg.DataDir = data
	var out bytes.Buffer
	root := &cobra.Command{Use: "millrace", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(newJournalCommand(&cfg))
	root.SetOut(&out)
	root.SetArgs([]string{"journal", command})
	err := root.Execute()
	return out.String(), err
}

// away is a Kafka that takes nothing.
type away struct{}

func (away) Publish(string, ...*message.Message) error { return errors.New("away") }
func (away) Close() error                              { return nil }

// What the shipper left in its journal can be listed, printed and verified, and
// damage is told with an exit code of its own.
func TestTheJournalsCommands(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "journal", app.TopicLogs)
	p, err := batching.New(away{}, batching.Config{
		MaxMessages: 2, BufferLimit: 10, Acknowledge: batching.Journaled, Count: countLogs, Split: splitLogs,
		OpenJournal: func(string) (batching.Journal, error) {
			j, err := journal.Open(journal.Config{Dir: dir, MaxBytes: 1 << 20, Free: func(string) (int64, error) { return 15 << 20, nil }})
			return journaled{j}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`[{"message":"one"},{"message":"two"},{"message":"three"}]`, `{"message":"four"}`} {
		payload, count, err := otlp.FromJSON([]byte(body), otlp.Intake{Received: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		msg := message.NewMessage("id", payload)
		msg.Metadata.Set(intake.MetaCount, string(rune('0'+count)))
		if err := p.Publish(app.TopicLogs, msg); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // the first two are sealed
		if out, _ := journalSays(data, "ls"); strings.Contains(out, "sealed: batch ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is sealed")
		}
	}
	for command, want := range map[string]string{
		"ls":     "4 logs that Kafka does not have yet; acknowledged up to none",
		"dump":   `"message":"three"`,
		"verify": "all of it can be read; 4 logs are not in Kafka yet",
	} {
		if out, err := journalSays(data, command); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %s", command, err, out)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.wal"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte("two"))] ^= 1
	if err := os.WriteFile(files[0], b, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := journalSays(data, "verify")
	if !errors.Is(err, errDamaged) || !strings.Contains(out, "units 1 to 3 cannot be read") {
		t.Errorf("with damage: %v, %s", err, out)
	}
	if out, err := journalSays(data, "dump"); err != nil || !strings.Contains(out, `"message":"four"`) {
		t.Errorf("with damage: %v, %s", err, out)
	}
	if _, err := journalSays(t.TempDir(), "ls"); err == nil || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("without a journal: %v", err)
	}
}
