package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/app"
)

// This file is what commands say of themselves, and of what was typed wrong.

// The settings that commands have use for besides the roles, which have use for
// all. They take all of them, since one file may be for everything.
var (
	gatewaySettings = []string{"config", "gateway-url", "api-key", "tls-ca"}
	usedSettings    = map[string][]string{
		"send":    {"config", "producer-target", "api-key", "tls-ca"},
		"logs":    gatewaySettings,
		"verify":  gatewaySettings,
		"poison":  gatewaySettings,
		"journal": {"config", "data-dir"},
		"key":     {"config", "data-dir", "access-keys-file"},
		"config":  {"config"},
		"doctor":  {"config", "kafka-brokers", "postgres-url", "postgres-read-url", "redis-addr", "redis-password", "data-dir", "tls-cert", "tls-key"},
		"health":  {"config", "producer-addr", "shipper-addr", "consumer-addr", "gateway-addr", "tls-cert", "tls-ca"},
		"version": {},
	}
)

// explain has the command line tell of itself: of a command its own flags and the
// settings that it has use for, and not every one that there is.
func explain(root *cobra.Command) {
	root.SetFlagErrorFunc(flagError)
	full := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := io.WriteString(cmd.OutOrStderr(), briefUsage(cmd, []string{"config"}, cmd.LocalNonPersistentFlags()))
		return err
	})
	for _, command := range root.Commands() {
		used, known := usedSettings[command.Name()]
		command.SetUsageFunc(func(cmd *cobra.Command) error {
			if !known {
				return full(cmd)
			}
			_, err := io.WriteString(cmd.OutOrStderr(), briefUsage(cmd, used, cmd.LocalFlags()))
			return err
		})
	}
	choose(root)
}

// choose has a command that only holds others name what it does not hold.
func choose(command *cobra.Command) {
	for _, child := range command.Commands() {
		if child.HasSubCommands() {
			choose(child)
		}
	}
	if command.Runnable() {
		return
	}
	command.Args = noArguments
	command.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// briefUsage describes a command with its flags, and some of the settings.
func briefUsage(cmd *cobra.Command, used []string, own *pflag.FlagSet) string {
	var out strings.Builder
	out.WriteString("Usage:\n")
	if !cmd.HasAvailableSubCommands() || cmd.Name() == "config" { // which does something by itself, too
		fmt.Fprintf(&out, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&out, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.Example != "" {
		fmt.Fprintf(&out, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		out.WriteString("\nCommands:\n")
		table := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
		for _, child := range cmd.Commands() {
			if child.IsAvailableCommand() {
				_, _ = fmt.Fprintf(table, "  %s\t%s\n", child.Name(), child.Short) // into memory
			}
		}
		_ = table.Flush()
	}
	fmt.Fprintf(&out, "\nFlags:\n%s", own.FlagUsages())
	settings := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, name := range used {
		if flag := cmd.Root().PersistentFlags().Lookup(name); flag != nil {
			settings.AddFlag(flag)
		}
	}
	if settings.HasFlags() {
		fmt.Fprintf(&out, "\nSettings:\n%s", settings.FlagUsages())
	}
	out.WriteString("\nEvery setting is a flag, too: millrace config shows their values, and docs/configuration.md,\nwhich millrace config reference prints, describes them.\n")
	return out.String()
}

// noArguments wants none: what a command is to do, flags say, or a command below
// it.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	word, path := args[0], cmd.CommandPath()
	if cmd.HasAvailableSubCommands() {
		meant := ""
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(word); len(near) > 0 {
			meant = "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return app.Errorf(app.KindInvalid, "%s has no command %q%s (%s --help lists them)", path, word, meant, path)
	}
	name, _, _ := strings.Cut(word, "=")
	other, _, err := cmd.Root().Find([]string{word})
	switch flag := cmd.Flag(name); {
	case flag != nil:
		return app.Errorf(app.KindInvalid, "%s takes no words, and was given %q: did you mean --%s?", path, word, word)
	case err == nil && other != cmd.Root():
		return app.Errorf(app.KindInvalid, "%s takes no words, and was given %q: %s is a command of its own", path, word, other.CommandPath())
	default:
		return app.Errorf(app.KindInvalid, "%s takes no words, and was given %q: say what it is to do by flags (%s --help lists them)", path, word, path)
	}
}

// someArguments wants one or more of what the command's Use names.
func someArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return app.Errorf(app.KindInvalid, "%s wants %s (%s --help tells of it)", cmd.CommandPath(), strings.Fields(cmd.Use)[1], cmd.CommandPath())
	}
	return nil
}

// oneArgument wants the argument that the command's Use names, one of ValidArgs
// if it has some.
func oneArgument(cmd *cobra.Command, args []string) error {
	name := strings.Fields(cmd.Use)[1]
	if len(args) != 1 {
		return app.Errorf(app.KindInvalid, "%s wants one %s (%s --help tells of it)", cmd.CommandPath(), name, cmd.CommandPath())
	}
	if len(cmd.ValidArgs) > 0 && !slices.Contains(cmd.ValidArgs, args[0]) {
		return app.Errorf(app.KindInvalid, "%s is %q: want %s", name, args[0], strings.Join(cmd.ValidArgs, ", "))
	}
	return nil
}

// flagError tells of a flag that was typed wrong.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		return fmt.Errorf("--%s is %q: want %s", value.GetFlag().Name, value.GetValue(), wanted(value.GetFlag()))
	}
	return fmt.Errorf("%w (%s --help lists the flags)", err, cmd.CommandPath())
}

// wanted says what values a flag has.
func wanted(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "int", "int64":
		return "a whole number"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "duration":
		return "a time such as 5s or 5m"
	case "stringSlice":
		return "a list, with commas between its parts"
	default:
		name, _ := pflag.UnquoteUsage(flag)
		return "a " + name
	}
}
