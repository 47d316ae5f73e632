package main

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/app"
)

// logFilter is the filters of the API as flags. Each of fields is there twice:
// --service, and --not-service to exclude.
type logFilter struct {
	fields       map[string]*[]string // by the parameter's name
	minLevel     string
	since, until string
}

// filterFlags are the flags that have an opposite, and their parameters.
var filterFlags = []struct{ flag, parameter, help string }{
	{"service", "service", "the service, exactly"},
	{"level", "level", "the level: trace, debug, info, warn, error or fatal"},
	{"host", "host", "the host, exactly"},
	{"trace", "trace_id", "the trace's id"},
	{"text", "text", "words in the message, whatever their case"},
	{"regex", "regex", "a regular expression (RE2) that the message matches"},
	{"attr", "attr", "an attribute as NAME=VALUE; dots in NAME reach into nested ones"},
}

func (f *logFilter) bind(flags *pflag.FlagSet) {
	f.fields = map[string]*[]string{}
	for _, one := range filterFlags {
		f.fields[one.parameter] = flags.StringArray(one.flag, nil, one.help)
	}
	for _, one := range filterFlags {
		f.fields[one.parameter+"!"] = flags.StringArray("not-"+one.flag, nil, "none of these: "+one.help)
	}
	flags.StringVar(&f.minLevel, "min-level", "", "this level or a more severe one")
	flags.StringVar(&f.since, "since", "", "at this time or later: 15m, 2d, 2026-01-31, \"2026-01-31 15:04\", RFC 3339 or Unix time")
	flags.StringVar(&f.until, "until", "", "before this time, written as since is")
}

// values returns the parameters of the API.
func (f *logFilter) values(words []string, now time.Time) (url.Values, error) {
	query := url.Values{}
	for name, given := range f.fields {
		suffix, isAttribute := strings.CutPrefix(name, "attr")
		if !isAttribute {
			query[name] = slices.Clone(*given)
		} else if err := addAttributes(query, *given, suffix); err != nil {
			return nil, err
		}
	}
	query["text"] = append(query["text"], words...)
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("min_level", f.minLevel)
	for _, end := range []struct{ flag, parameter, text string }{{"--since", "from", f.since}, {"--until", "to", f.until}} {
		at, ok := moment(end.text, now)
		if !ok {
			return nil, app.Errorf(app.KindInvalid, "%s is %q: want a time as 15m or 2d ago, now, 15:04, 2026-01-31, \"2026-01-31 15:04\", RFC 3339 or Unix time", end.flag, end.text)
		}
		set(end.parameter, at)
	}
	for name, values := range query {
		if len(values) == 0 {
			delete(query, name)
		}
	}
	return query, nil
}

// addAttributes adds what --attr was given, or with the suffix "!" --not-attr.
func addAttributes(query url.Values, given []string, suffix string) error {
	flag := "--attr"
	if suffix != "" {
		flag = "--not-attr"
	}
	for _, one := range given {
		name, value, ok := strings.Cut(one, "=")
		switch {
		case !ok && strings.ContainsAny(one, "<>"), strings.HasSuffix(name, "<"), strings.HasSuffix(name, ">"), strings.HasSuffix(name, "!"):
			return app.Errorf(app.KindInvalid, "%s is %q: attributes are compared for equality alone, --attr NAME=VALUE, or --not-attr NAME=VALUE for any other value", flag, one)
		case !ok || name == "" || value == "":
			return app.Errorf(app.KindInvalid, "%s is %q: want NAME=VALUE, as user.id=42", flag, one)
		}
		query.Add("attr."+name+suffix, value)
	}
	return nil
}

var (
	ago  = regexp.MustCompile(`^(now-|-)?(\d+(\.\d+)?(ns|us|µs|ms|[smhdw]))+$`)
	unix = regexp.MustCompile(`^\d+(\.\d+)?$`)
)

// moment turns what people type into a time as the API wants it: without a sign
// a length of time is one ago, and a time without zone is of this machine's. ok
// tells whether it is a time at all.
func moment(text string, now time.Time) (at string, ok bool) {
	if ago.MatchString(text) {
		return "-" + strings.TrimPrefix(strings.TrimPrefix(text, "now"), "-"), true
	}
	for _, form := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return t.Format(time.RFC3339Nano), true
		}
	}
	for _, form := range []string{"15:04", "15:04:05"} {
		if t, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			year, month, day := now.Date()
			return time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), 0, now.Location()).Format(time.RFC3339Nano), true
		}
	}
	_, err := time.Parse(time.RFC3339Nano, text)
	return text, text == "" || text == "now" || err == nil || unix.MatchString(text)
}

// completeTimeout is how long a shell waits for what may come next.
const completeTimeout = 2 * time.Second

// completeLogs lets the shell complete values of flags, those of services and
// hosts from what the gateway has.
func completeLogs(command *cobra.Command, cfg *app.Config) {
	register := func(flag string, values func(*cobra.Command) []string) {
		err := command.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return values(cmd), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // there is no such flag: a mistake of the program
		}
	}
	fixed := func(values ...string) func(*cobra.Command) []string {
		return func(*cobra.Command) []string { return values }
	}
	asked := func(field app.Field) func(*cobra.Command) []string {
		return func(cmd *cobra.Command) []string { return gatewayValues(cmd, cfg, field) }
	}
	levels := fixed("trace", "debug", "info", "warn", "error", "fatal")
	for _, not := range []string{"", "not-"} {
		register(not+"service", asked(app.FieldService))
		register(not+"host", asked(app.FieldHost))
		register(not+"level", levels)
	}
	register("min-level", levels)
	register("output", fixed("text", "json", "raw"))
	register("color", fixed("auto", "always", "never"))
	register("since", fixed("15m", "1h", "1d", "7d"))
	register("step", fixed("10s", "1m", "5m", "1h", "1d"))
}

// gatewayValues asks the gateway. What goes wrong completes nothing: the shell has
// no place to say it.
func gatewayValues(cmd *cobra.Command, cfg *app.Config, field app.Field) []string {
	if prepare := cmd.Root().PersistentPreRunE; prepare != nil && prepare(cmd, nil) != nil {
		return nil
	}
	client, err := newGatewayClient(*cfg)
	if err != nil {
		return nil
	}
	defer client.Close()
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completeTimeout)
	defer cancel()
	values, err := client.Values(ctx, field)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(values, func(v string) bool { return v == "" || app.PlainText(v) != v || strings.ContainsAny(v, "\n\t") })
}
