package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// clientSettings are the settings that a command has use for that asks a running
// Millrace. It takes all of them, since one file may be for everything.
var clientSettings = []string{"config", "gateway-url", "api-key", "tls-ca"}

// showClientUsage has a command tell of its own flags and of how to reach the
// gateway, and not of every setting that there is.
func showClientUsage(command *cobra.Command) {
	command.SetUsageFunc(func(cmd *cobra.Command) error {
		reach := pflag.NewFlagSet("", pflag.ContinueOnError)
		for _, name := range clientSettings {
			if flag := cmd.InheritedFlags().Lookup(name); flag != nil {
				reach.AddFlag(flag)
			}
		}
		_, err := fmt.Fprintf(cmd.OutOrStderr(), "Usage:\n  %s\n\nExamples:\n%s\n\nFlags:\n%s\nThe gateway:\n%s\nEvery setting is a flag, too: millrace config shows them.\n",
			cmd.UseLine(), cmd.Example, cmd.LocalFlags().FlagUsages(), reach.FlagUsages())
		return err
	})
	command.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var value *pflag.InvalidValueError
		if errors.As(err, &value) {
			return fmt.Errorf("--%s is %q: want %s", value.GetFlag().Name, value.GetValue(), wanted(value.GetFlag()))
		}
		return fmt.Errorf("%w (%s --help lists the flags)", err, cmd.CommandPath())
	})
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
		return "a " + flag.Value.Type()
	}
}
