package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"millrace/app"
	"millrace/app/otlp"
	"millrace/middleware/journal"
)

// errDamaged is what journal verify ends with when something cannot be read.
var errDamaged = errors.New("the journal is damaged: see above")

// newJournalCommand returns the commands that look into the shipper's journal
// on disk, also while the shipper runs. They change nothing.
func newJournalCommand(cfg *app.Config) *cobra.Command {
	command := &cobra.Command{Use: "journal", Short: "Look into the shipper's journal, which is left as it is"}
	add := func(use, short string, run func(dir string, out io.Writer) error) {
		command.AddCommand(&cobra.Command{
			Use: use, Short: short, Args: noArguments,
			RunE: func(cmd *cobra.Command, _ []string) error {
				dir := journalDir(*cfg, app.TopicLogs)
				err := run(dir, cmd.OutOrStdout())
				if errors.Is(err, fs.ErrNotExist) {
					return app.Errorf(app.KindInvalid, "there is no journal in %s: give the shipper's --data-dir", dir)
				}
				return err
			},
		})
	}
	add("ls", "List what the journal holds", listJournal)
	add("dump", "Print the logs that Kafka does not have yet, as JSON, one a line", dumpJournal)
	add("verify", "Read all of the journal; it ends with 1 when something cannot be read", verifyJournal)
	return command
}

func listJournal(dir string, out io.Writer) error {
	report, err := journal.Inspect(dir, nil)
	if err != nil {
		return err
	}
	var text, rows bytes.Buffer
	fmt.Fprintf(&text, "%s: %d logs that Kafka does not have yet; acknowledged up to %s\n", dir, report.Units, orNone(report.Acked))
	fmt.Fprintln(&rows, "GENERATION\tFILES\tBYTES\tREQUESTS\tFIRST\tLAST\t")
	for _, g := range report.Generations {
		state := "ended"
		if g.Current {
			state = "current"
		}
		if len(g.Damage) > 0 {
			state = "damaged"
		}
		fmt.Fprintf(&rows, "%s\t%d\t%d\t%d\t%d\t%d\t%s\n", g.Name, g.Files, g.Bytes, g.Records, g.First, g.Last, state)
	}
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	if _, err := rows.WriteTo(table); err != nil {
		return err
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range report.Seals {
		fmt.Fprintf(&text, "sealed: batch %s-%d of %d logs at %s\n", s.Sequence, s.First, s.Count, s.At.UTC().Format(time.RFC3339Nano))
	}
	_, err = text.WriteTo(out)
	return err
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func dumpJournal(dir string, out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	_, err := journal.Inspect(dir, func(r journal.Record, acked bool) error {
		if acked {
			return nil
		}
		for log, err := range (otlp.Codec{}).Logs(r.Body, r.TakenAt) {
			if err != nil {
				fmt.Fprintf(os.Stderr, "the request from number %d on of %s cannot be decoded: %v\n", r.First, r.Sequence, err)
				return nil
			}
			if err := encoder.Encode(log); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func verifyJournal(dir string, out io.Writer) error {
	report, err := journal.Inspect(dir, nil)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for _, g := range report.Generations {
		for _, what := range g.Damage {
			fmt.Fprintf(&text, "%s: %s\n", g.Name, what)
		}
	}
	damaged := text.Len() > 0
	if !damaged {
		fmt.Fprintf(&text, "%s: all of it can be read; %d logs are not in Kafka yet\n", dir, report.Units)
	}
	if _, err := text.WriteTo(out); err != nil || !damaged {
		return err
	}
	return errDamaged
}
