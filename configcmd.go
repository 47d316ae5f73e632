package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/app"
)

// newConfigCommand returns the commands that show and check settings. They
// take those that the other commands do.
func newConfigCommand(cfg *app.Config, settings *settings) *cobra.Command {
	var changed bool
	command := &cobra.Command{
		Use:   "config",
		Short: "Show the settings in effect, and where each comes from",
		Long: `Show the settings in effect, and where each comes from: its flag, its variable in
the environment, the file of --config, or the default. Passwords are hidden.

It shows them even when they cannot be right, and then says why and ends with 1.`,
		Args: noArguments,
		// In place of the root's, which refuses settings before they are shown.
		PersistentPreRunE: func(*cobra.Command, []string) error { return settings.load() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := io.WriteString(cmd.OutOrStdout(), settings.show(changed)); err != nil {
				return err
			}
			return settings.validate(cfg)
		},
	}
	command.Flags().BoolVar(&changed, "changed", false, "only those that are not the default's")
	command.AddCommand(newConfigCheckCommand(), newConfigReferenceCommand())
	return command
}

func newConfigCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a settings file, and name all that is wrong with it",
		Long: `Check a settings file by itself, without the environment and without starting
anything, and name all that is wrong with it and with the certificates that it
names. It ends with 0 when the file can be used, and with 1 when not. Whether the
servers that it names suit is for millrace doctor to say.`,
		Args:              oneArgument,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := checkFile(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, nothing wrong\n", args[0], app.Counted(found, "setting", "settings"))
			return err
		},
	}
}

// checkFile returns how many settings a file has, or what is wrong with it.
func checkFile(file string) (found int, err error) {
	cfg := app.DefaultConfig()
	settings := bindSettings(pflag.NewFlagSet("check", pflag.ContinueOnError), &cfg)
	settings.file = file
	if err := errors.Join(settings.use(nil), settings.validate(&cfg), settings.located(checkCertificates(cfg))); err != nil {
		return 0, err
	}
	return len(settings.sources), nil
}

// show lists the settings with their values and where these are from.
func (s *settings) show(changed bool) string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	var rows strings.Builder
	rows.WriteString("SETTING\tVALUE\tFROM\n")
	for _, name := range s.names {
		source, set := s.sources[name]
		switch {
		case !set && changed:
			continue
		case !set:
			source = "default"
		}
		fmt.Fprintf(&rows, "%s\t%s\t%s\n", name, s.value(name), source)
	}
	_, _ = io.WriteString(table, rows.String()) // into memory
	_ = table.Flush()
	return out.String()
}

// value returns the value of a setting as it would be given, but of a secret
// only as much as is none.
func (s *settings) value(name string) string {
	text := flagText(s.flags.Lookup(name).Value)
	if !s.secret[name] || text == "" {
		return text
	}
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return withoutSecrets(u)
	}
	return "(hidden)"
}

// withoutSecrets hides what a URL may hold besides an address: its password,
// and the value of each parameter.
func withoutSecrets(u *url.URL) string {
	shown := *u
	query := shown.Query()
	for name := range query {
		if name != "sslmode" {
			query[name] = []string{"xxxxx"}
		}
	}
	shown.RawQuery = query.Encode()
	return shown.Redacted()
}

// flagText is a flag's value without the brackets of a list.
func flagText(value pflag.Value) string {
	if list, ok := value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ",")
	}
	return value.String()
}
