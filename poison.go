package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"millrace/app"
	"millrace/app/gateway"
)

// errNotAll is what replay and discard end with when something was not done.
var errNotAll = errors.New("not all of it was done: see above")

// newPoisonCommand returns the commands for what is in quarantine:
//
//	gateway ─▶ PostgreSQL ─▶ consumer ─▶ Kafka, and so through the pipeline again
func newPoisonCommand(cfg *app.Config) *cobra.Command {
	command := &cobra.Command{
		Use:   "poison",
		Short: "Look into the quarantine, replay or discard what is in it",
		Long: `Look into the quarantine, replay or discard what is in it.

What could not be stored waits there: logs that are too large, records that are
no batch of logs, logs that PostgreSQL refuses. Each is an item with the reason
and its history.`,
	}
	command.AddCommand(newPoisonList(cfg), newPoisonShow(cfg),
		newPoisonDecide(cfg, "replay", "Send items through the pipeline again; each is stored once, however often", (*gateway.Client).Replay),
		newPoisonDecide(cfg, "discard", "Give items up; they stay where they are, marked", (*gateway.Client).Discard))
	return command
}

// askGateway runs a question to the gateway.
func askGateway(cfg *app.Config, ask func(*gateway.Client) error) error {
	client, err := newGatewayClient(*cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	return ask(client)
}

// poisonFilter binds the flags that choose items.
func poisonFilter(command *cobra.Command, filter *app.QuarantineFilter) {
	flags := command.Flags()
	flags.StringVar(&filter.Stage, "stage", "", "that failed last at this stage: "+strings.Join(app.Stages, ", "))
	flags.StringVar(&filter.Reason, "reason", "", "that failed last for this reason: "+strings.Join(app.Reasons, ", "))
	flags.StringVar(&filter.Shipper, "shipper", "", "with numbers of this shipper")
	flags.Func("since", "that failed last after this `time` (2026-01-31T12:00:00Z), or this long ago (2h)", func(text string) error {
		if ago, err := time.ParseDuration(text); err == nil {
			filter.From = time.Now().Add(-ago)
			return nil
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		filter.From = at
		return err
	})
	command.PreRunE = refuseEmptyFilter
}

// refuseEmptyFilter refuses a filter that is empty, as of a variable that is not
// set: it must not choose everything.
func refuseEmptyFilter(cmd *cobra.Command, _ []string) error {
	for _, name := range []string{"stage", "reason", "shipper", "state"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed && flag.Value.String() == "" {
			return app.Errorf(app.KindInvalid, "--%s is empty: leave it out, or give it a value", name)
		}
	}
	return nil
}

func newPoisonList(cfg *app.Config) *cobra.Command {
	var filter app.QuarantineFilter
	var limit int
	var cursor string
	var asJSON bool
	command := &cobra.Command{
		Use: "ls", Short: "List items, the newest first", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return askGateway(cfg, func(client *gateway.Client) error {
				page, err := client.Quarantine(cmd.Context(), filter, limit, cursor)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), page)
				}
				return writeItems(cmd.OutOrStdout(), page)
			})
		},
	}
	poisonFilter(command, &filter)
	command.Flags().StringVar(&filter.State, "state", "", "in this state: "+strings.Join(app.QuarantineStates, ", "))
	command.Flags().IntVar(&limit, "limit", app.DefaultLimit, "how many at the most")
	command.Flags().StringVar(&cursor, "cursor", "", "where to go on: as the page before said")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}

func writeItems(to io.Writer, page gateway.QuarantinePage) error {
	var text, rows bytes.Buffer
	fmt.Fprintln(&rows, "ID\tSTATE\tSTAGE\tREASON\tSHIPPER\tFIRST\tLOGS\tBYTES\tTRIES\tLAST SEEN\tERROR")
	for _, item := range page.Items {
		fmt.Fprintf(&rows, "%d\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", item.ID, item.State, item.Stage, item.Reason, app.Printable(item.Shipper),
			item.First, item.Count, item.Bytes, item.Tries, item.LastSeen.UTC().Format(time.RFC3339), app.Printable(shortened(item.Error, 80)))
	}
	if err := writeTable(&text, &rows); err != nil {
		return err
	}
	if page.Next != "" {
		fmt.Fprintf(&text, "there is more: --cursor %s\n", page.Next)
	}
	_, err := text.WriteTo(to)
	return err
}

// shortened returns the beginning of a text of so many runes.
func shortened(text string, runes int) string {
	if all := []rune(text); len(all) > runes {
		return string(all[:runes]) + "…"
	}
	return text
}

func newPoisonShow(cfg *app.Config) *cobra.Command {
	var asJSON, payload bool
	command := &cobra.Command{
		Use: "show ID", Short: "Show an item with its headers, its history and its logs", Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := itemIDs(args)
			if err != nil {
				return err
			}
			return askGateway(cfg, func(client *gateway.Client) error {
				if payload {
					return client.QuarantinePayload(cmd.Context(), ids[0], cmd.OutOrStdout())
				}
				item, err := client.QuarantineItem(cmd.Context(), ids[0])
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), item.Raw)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), describeItem(item))
				return err
			})
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	command.Flags().BoolVar(&payload, "payload", false, "print the bytes that were set aside, and nothing else")
	return command
}

// describeItem tells all of an item. What strangers wrote is quoted where a
// terminal would not merely show it.
func describeItem(item gateway.QuarantineItem) string {
	var b bytes.Buffer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", name, app.Printable(fmt.Sprintf(format, args...)))
	}
	line("item", "%d, %s since %s", item.ID, item.State, item.ChangedAt.UTC().Format(time.RFC3339))
	line("failed", "at %s: %s, %d times, last at %s", item.Stage, item.Reason, item.Tries, item.LastSeen.UTC().Format(time.RFC3339))
	line("handler", "%s", item.Handler)
	line("error", "%s", item.Error)
	line("covers", "%d logs of %s from %d on", item.Count, item.Shipper, item.First)
	line("record", "%s, partition %d, offset %d", item.Lay.Topic, item.Lay.Partition, item.Lay.Offset)
	if item.Batch != "" {
		line("taken from", "batch %s, which is stored without it", item.Batch)
	}
	if item.Replay != "" {
		line("replayed as", "batch %s", item.Replay)
	}
	for _, h := range item.Headers {
		value := h.Value
		if h.Bytes != nil {
			value = string(h.Bytes)
		}
		line("header", "%s: %s", h.Name, value)
	}
	for _, e := range item.History {
		what := e.What
		if e.Stage != "" {
			what += " at " + e.Stage + ": " + e.Reason + ": " + e.Error
		}
		line("history", "%s %s", e.At.UTC().Format(time.RFC3339Nano), what)
	}
	for _, log := range item.Logs {
		line("log", "%s", shownLog(log))
	}
	switch {
	case item.LogsTotal > len(item.Logs):
		fmt.Fprintf(&b, "… and %d more logs\n", item.LogsTotal-len(item.Logs))
	case item.LogsTotal == 0:
		fmt.Fprintf(&b, "no batch of logs: %d bytes, which begin\n%s", item.Bytes, hex.Dump(item.Payload[:min(len(item.Payload), 512)]))
	}
	return b.String()
}

// maxShownLog is how much of a log is shown, in runes.
const maxShownLog = 500

func shownLog(text json.RawMessage) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return shortened(string(text), maxShownLog)
	}
	return shortened(compact.String(), maxShownLog)
}

func newPoisonDecide(cfg *app.Config, use, short string, do func(*gateway.Client, context.Context, app.QuarantineSelection) (app.QuarantineResults, error)) *cobra.Command {
	var chosen app.QuarantineSelection
	var all, asJSON bool
	command := &cobra.Command{
		Use: use + " [ID…]", Short: short,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if all == (len(args) > 0) {
				return app.Errorf(app.KindInvalid, "say which items to %s: their ids, or --all with filters", use)
			}
			if chosen.IDs, err = itemIDs(args); err != nil {
				return err
			}
			return askGateway(cfg, func(client *gateway.Client) error {
				done, err := do(client, cmd.Context(), chosen)
				if err != nil {
					return err
				}
				return writeResults(cmd.OutOrStdout(), done, asJSON)
			})
		},
	}
	poisonFilter(command, &chosen.Filter)
	command.Flags().BoolVar(&all, "all", false, "all that are held and match the filters")
	command.Flags().IntVar(&chosen.Limit, "limit", app.DefaultLimit, "with --all: how many at the most")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}

func writeResults(to io.Writer, done app.QuarantineResults, asJSON bool) error {
	var text bytes.Buffer
	whole := true
	for _, result := range done.Results {
		whole = whole && result.Detail == ""
		said := result.State
		if result.Detail != "" {
			said = result.Detail
		}
		fmt.Fprintf(&text, "%d: %s\n", result.ID, app.Printable(said))
	}
	if done.More {
		fmt.Fprintln(&text, "there are more that match: ask again, or for more at once (--limit)")
	}
	if asJSON {
		text.Reset()
		if err := writeJSON(&text, done); err != nil {
			return err
		}
	}
	if _, err := text.WriteTo(to); err != nil {
		return err
	}
	if !whole {
		return errNotAll
	}
	return nil
}

func itemIDs(args []string) ([]int64, error) {
	ids := make([]int64, len(args))
	for i, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || id < 1 {
			return nil, app.Errorf(app.KindInvalid, "%q is no item's id: want a number, as millrace poison ls shows it", arg)
		}
		ids[i] = id
	}
	return ids, nil
}

func writeJSON(to io.Writer, document any) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

func writeTable(to io.Writer, rows *bytes.Buffer) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	if _, err := rows.WriteTo(table); err != nil {
		return err
	}
	return table.Flush()
}
