package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"millrace/app"
	"millrace/app/gateway"
)

// errNotWhole is what verify ends with when something is missing or there
// twice. Any other error of it means that it could not tell.
var errNotWhole = errors.New("the ledger and the logs do not agree: see above")

// Exit codes of verify.
const (
	exitNotWhole = 1
	exitUnknown  = 2
)

// newVerifyCommand returns the command that proves that nothing is missing:
//
//	gateway ─▶ PostgreSQL: the ledger beside the rows
func newVerifyCommand(cfg *app.Config) *cobra.Command {
	var shipper string
	var asJSON bool
	command := &cobra.Command{
		Use:   "verify",
		Short: "Check that no log is missing and none is stored twice",
		Long: `Check that no log is missing and none is stored twice.

It looks for gaps in the numbers of each shipper, and counts the rows of each
batch. What is missing is named. Logs whose days retention has dropped cannot
be counted any more: it says how many these are, and they are no fault.

It ends with 0 when all is there, with 1 when something is missing or stored
twice, and with 2 when it could not tell.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runVerify(cmd.Context(), *cfg, shipper, asJSON, cmd.OutOrStdout())
		},
	}
	command.Flags().StringVar(&shipper, "shipper", "", "check this shipper alone")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}

func runVerify(ctx context.Context, cfg app.Config, shipper string, asJSON bool, out io.Writer) error {
	target := cfg.Gateway.URL
	if target == "" {
		target = "http://" + cfg.Gateway.Addr
	}
	client, err := gateway.New(target)
	if err != nil {
		return err
	}
	defer client.Close()
	findings := []app.Finding{}
	report := app.VerifyReport{Finding: func(f app.Finding) error { findings = append(findings, f); return nil }}
	terminal := isatty.IsTerminal(os.Stderr.Fd())
	if terminal {
		report.Progress = func(p app.VerifyProgress) error {
			_, err := fmt.Fprintf(os.Stderr, "\r%d of %d days, %d logs counted", p.Days, p.Of, p.Rows)
			return err
		}
	}
	result, err := client.Verify(ctx, shipper, report)
	if terminal {
		fmt.Fprintln(os.Stderr)
	}
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(struct {
			app.Verification
			Listed []app.Finding `json:"listed"`
		}{result, findings})
	} else {
		err = printVerification(out, result, findings)
	}
	if err != nil {
		return err
	}
	if !result.Whole {
		return errNotWhole
	}
	return nil
}

// printVerification tells of each shipper, of what is wrong, and of the whole.
func printVerification(w io.Writer, result app.Verification, findings []app.Finding) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SHIPPER\tACCEPTED\tSTORED\tQUARANTINED\tPENDING\tMISSING NUMBERS\tTWICE\tUNCHECKED\tDUPLICATES REFUSED")
	for _, s := range result.Shippers {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", s.Shipper, s.Accepted, s.Stored,
			s.Quarantined+s.Replayed+s.Discarded, s.Pending, s.Gaps.Logs, s.Overlaps.Logs, s.Unchecked.Logs, s.Duplicates)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	listed := map[string]uint64{}
	for _, f := range findings {
		if f.Kind != app.FindUnchecked { // these are many, and no fault
			fmt.Fprintln(w, f)
		}
		listed[f.Kind]++
	}
	for kind, n := range result.Findings {
		if kind != app.FindUnchecked && n > listed[kind] {
			fmt.Fprintf(w, "… and %d more of the kind %q\n", n-listed[kind], kind)
		}
	}
	if u := result.Unchecked; u.Batches > 0 {
		fmt.Fprintf(w, "unchecked: %d logs of %d batches lay in days before %s, which are dropped: nobody can count them any more\n",
			u.Logs, u.Batches, result.KeptFrom.UTC().Format(time.DateOnly))
	}
	if result.Whole {
		_, err := fmt.Fprintf(w, "whole: %d logs in %d batches, none missing, none twice\n", result.Rows, result.Batches)
		return err
	}
	_, err := fmt.Fprintf(w, "NOT WHOLE: of %d batches %d logs are missing, and %d are there that should not be\n", result.Batches, result.Missing, result.Surplus)
	return err
}
