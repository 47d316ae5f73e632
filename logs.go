package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"millrace/app"
	"millrace/app/gateway"
	"millrace/app/terminal"
)

// errNoLogs is what logs ends with when there was nothing to show.
var errNoLogs = errors.New("no logs match")

// logsCommand is what millrace logs was asked for.
type logsCommand struct {
	filter    logFilter
	limit     int
	oldest    bool
	reverse   bool
	follow    bool
	histogram bool
	step      string
	output    string
	long      bool
	color     string
	utc       bool
	limitSet  bool
}

// newLogsCommand returns the command that shows logs:
//
//	gateway ─▶ terminal
func newLogsCommand(cfg *app.Config) *cobra.Command {
	l := &logsCommand{}
	command := &cobra.Command{
		Use:   "logs [WORD…]",
		Short: "Show logs, or follow them as they come",
		Long: `Show logs, or follow them as they come.

The newest logs that match are shown, the newest last. Words are looked for in the
message, whatever their case. A filter that is given several times wants any of
the values, but for text and regex, of which it wants all.

It ends with 0 when there were logs, with 1 when none matched, and with 2 when it
could not tell.`,
		Example: `  millrace logs --service checkout --min-level warn --since 1h
  millrace logs -f timeout --not-host web-3
  millrace logs --attr user.id=42 -o json | jq .message
  millrace logs --since 1d --histogram`,
		RunE: func(cmd *cobra.Command, words []string) error {
			l.limitSet = cmd.Flags().Changed("limit")
			return l.run(cmd.Context(), *cfg, words, cmd.OutOrStdout())
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := command.Flags()
	l.filter.bind(flags)
	flags.IntVarP(&l.limit, "limit", "n", 100, "how many logs at the most; with --follow, how many to begin with, 10 when not given")
	flags.BoolVar(&l.oldest, "oldest", false, "the oldest logs that match instead of the newest")
	flags.BoolVarP(&l.reverse, "reverse", "r", false, "show the newest first")
	flags.BoolVarP(&l.follow, "follow", "f", false, "go on with logs as they come")
	flags.BoolVar(&l.histogram, "histogram", false, "draw how many logs there were over time, in place of the logs")
	flags.StringVar(&l.step, "step", "", "with --histogram: how long a line is, such as 30s, 5m or 1d")
	flags.StringVarP(&l.output, "output", "o", string(terminal.Text), strings.Join(terminal.Forms, ", ")+" (the message alone)")
	flags.BoolVarP(&l.long, "long", "l", false, "show the host, the trace and the attributes, too")
	flags.StringVar(&l.color, "color", "auto", "auto (on a terminal, unless NO_COLOR is set), always or never")
	flags.BoolVar(&l.utc, "utc", false, "show times in UTC, not in the time zone of this machine")
	completeLogs(command, cfg)
	return command
}

// Limits of what is shown.
const (
	followLimit  = 10        // logs before those that come
	maxShownLogs = 1_000_000 // of the newest, which are kept in memory to be turned around
	maxRows      = 30        // of a histogram whose step nobody chose
)

func (l *logsCommand) run(ctx context.Context, cfg app.Config, words []string, stdout io.Writer) error {
	query, err := l.check(words)
	if err != nil {
		return err
	}
	client, err := newGatewayClient(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	out := bufio.NewWriterSize(stdout, 64<<10)
	printer := l.printer(out, stdout)
	switch {
	case l.histogram:
		err = l.draw(ctx, client, query, printer, stdout)
	case l.follow:
		err = l.tail(ctx, client, query, printer, out)
	default:
		err = l.list(ctx, client, query, printer.Log)
	}
	return errors.Join(err, out.Flush())
}

// check returns the parameters for the gateway.
func (l *logsCommand) check(words []string) (url.Values, error) {
	wrong := func(format string, args ...any) error { return app.Errorf(app.KindInvalid, format, args...) }
	switch {
	case !slices.Contains(terminal.Forms, l.output):
		return nil, wrong("--output is %q: want %s", l.output, strings.Join(terminal.Forms, ", "))
	case !slices.Contains([]string{"auto", "always", "never"}, l.color):
		return nil, wrong("--color is %q: want auto, always or never", l.color)
	case l.limit < 1 && !l.follow || l.limit < 0 || l.limit > maxShownLogs:
		return nil, wrong("--limit is %d: want 1 to %d, or with --follow 0; GET /api/logs/export has any number", l.limit, maxShownLogs)
	case l.follow && (l.histogram || l.oldest || l.reverse || l.filter.until != ""):
		return nil, wrong("--follow goes on with what comes: leave out --histogram, --oldest, --reverse and --until")
	case l.step != "" && !l.histogram:
		return nil, wrong("--step is for --histogram")
	}
	return l.filter.values(words, time.Now())
}

func newGatewayClient(cfg app.Config) (*gateway.Client, error) {
	target := cfg.Gateway.URL
	if target == "" {
		target = cfg.LocalURL(cfg.Gateway.Addr)
	}
	return gateway.New(target, cfg.HTTP(target))
}

func (l *logsCommand) printer(out io.Writer, stdout io.Writer) *terminal.Printer {
	cfg := terminal.Config{Form: terminal.Form(l.output), Long: l.long, Zone: time.Local, Terminal: isTerminal(stdout)}
	if l.utc {
		cfg.Zone = time.UTC
	}
	switch l.color {
	case "always":
		cfg.Color = true
	case "auto":
		cfg.Color = cfg.Terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return terminal.New(out, cfg)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// list shows logs that are stored. The newest come first from the gateway, and
// are shown the other way round.
func (l *logsCommand) list(ctx context.Context, client *gateway.Client, query url.Values, show func(gateway.RawLog) error) error {
	var held []gateway.RawLog
	count := 0
	each := func(log gateway.RawLog) error {
		count++
		return show(log)
	}
	if l.oldest {
		query.Set("order", "oldest")
	}
	if l.oldest == l.reverse {
		each = func(log gateway.RawLog) error {
			count++
			held = append(held, log)
			return nil
		}
	}
	if err := client.ReadLogs(ctx, query, l.limit, each); err != nil {
		return err
	}
	slices.Reverse(held)
	for _, log := range held {
		if err := show(log); err != nil {
			return err
		}
	}
	if count == 0 {
		return errNoLogs
	}
	return nil
}

func (l *logsCommand) draw(ctx context.Context, client *gateway.Client, query url.Values, printer *terminal.Printer, stdout io.Writer) error {
	query.Set("by", "level")
	if l.step != "" {
		query.Set("step", l.step)
	}
	counts, err := client.Histogram(ctx, query)
	if err == nil && l.step == "" && len(counts.Buckets) > maxRows {
		query.Set("step", niceStep(counts.To.Sub(counts.From)))
		counts, err = client.Histogram(ctx, query)
	}
	if err != nil {
		return err
	}
	if l.output == string(terminal.JSON) {
		return json.NewEncoder(stdout).Encode(counts)
	}
	if err := printer.Histogram(counts, widthOf(stdout)); err != nil {
		return err
	}
	if counts.Total == 0 {
		return errNoLogs
	}
	return nil
}

// niceStep returns the shortest of the usual steps that makes no more lines than
// one sees at once.
func niceStep(length time.Duration) string {
	for _, step := range []string{"1s", "5s", "10s", "30s", "1m", "5m", "10m", "30m", "1h", "3h", "6h", "12h"} {
		if d, err := time.ParseDuration(step); err == nil && length <= maxRows*d {
			return step
		}
	}
	return fmt.Sprintf("%dd", int(length/(maxRows*24*time.Hour))+1)
}

// defaultWidth is that of what is no terminal.
const defaultWidth = 80

func widthOf(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return defaultWidth
}

func clone(query url.Values, without ...string) url.Values {
	out := url.Values{}
	for name, values := range query {
		if !slices.Contains(without, name) {
			out[name] = values
		}
	}
	return out
}
