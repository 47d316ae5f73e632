package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"millrace/app"
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
	var query app.LedgerQuery
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
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runVerify(cmd.Context(), *cfg, query, asJSON, cmd.OutOrStdout())
		},
	}
	command.Flags().StringVar(&query.Shipper, "shipper", "", "check this shipper alone")
	command.Flags().DurationVar(&query.Settle, "settle", app.DefaultSettle, "how long ago a batch must have been stored for the numbers before it to be missed; 0 when nothing is on its way")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}

func runVerify(ctx context.Context, cfg app.Config, query app.LedgerQuery, asJSON bool, out io.Writer) error {
	client, err := newGatewayClient(cfg)
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
	result, err := client.Verify(ctx, query, report)
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
		_, err = io.WriteString(out, describe(result, findings))
	}
	if err != nil {
		return err
	}
	if !result.Whole {
		return errNotWhole
	}
	return nil
}

// describe tells of each shipper, of what is wrong, and of the whole.
func describe(result app.Verification, findings []app.Finding) string {
	var b strings.Builder
	describeShippers(&b, result.Shippers)
	listed := map[string]uint64{}
	for _, f := range findings {
		if f.Kind != app.FindUnchecked { // these are many, and no fault
			fmt.Fprintln(&b, f)
		}
		listed[f.Kind]++
	}
	for _, kind := range slices.Sorted(maps.Keys(result.Findings)) {
		if more := result.Findings[kind] - listed[kind]; more > 0 && kind != app.FindUnchecked {
			fmt.Fprintf(&b, "… and %d more of the kind %q\n", more, kind)
		}
	}
	for _, s := range result.Shippers {
		for _, r := range s.Settling.First {
			fmt.Fprintf(&b, "on its way: shipper %s, %s: a batch behind it was stored just now; it is missed only if that was longer ago (--settle)\n", s.Name(), r)
		}
	}
	if u := result.Unchecked; u.Batches > 0 {
		fmt.Fprintf(&b, "unchecked: %d logs of %d batches lay in days before %s, which are dropped: nobody can count them any more\n",
			u.Logs, u.Batches, result.KeptFrom.UTC().Format(time.DateOnly))
	}
	if result.Whole {
		fmt.Fprintf(&b, "whole: %d logs in %d batches, none missing, none twice\n", result.Rows, result.Batches)
	} else {
		fmt.Fprintf(&b, "NOT WHOLE: of %d batches %d logs are missing, and %d are there that should not be\n", result.Batches, result.Missing, result.Surplus)
	}
	return b.String()
}

func describeShippers(w io.Writer, shippers []app.ShipperLedger) {
	var rows strings.Builder
	rows.WriteString("SHIPPER\tACCEPTED\tSTORED\tQUARANTINED\tPENDING\tMISSING NUMBERS\tTWICE\tUNCHECKED\tDUPLICATES REFUSED\n")
	for _, s := range shippers {
		fmt.Fprintf(&rows, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", s.Name(), s.Accepted, s.Stored,
			s.Quarantined+s.Replayed+s.Discarded, s.Pending, s.Gaps.Logs, s.Overlaps.Logs, s.Unchecked.Logs, s.Duplicates)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = io.WriteString(table, rows.String()) // into memory
	_ = table.Flush()
}
