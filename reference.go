package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/app"
)

// newConfigReferenceCommand returns the command that writes docs/configuration.md.
func newConfigReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "reference",
		Short:             "Print every setting with its help, in Markdown",
		Args:              noArguments,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), reference())
			return err
		},
	}
}

const referenceHead = `# Configuration

<!-- Written by millrace config reference: do not edit. -->

Every setting can be given as a flag, as a variable in the environment, or in a YAML file that ` + "`--config`" + ` (or
` + "`MILLRACE_CONFIG`" + `) names; the first of these that says something wins. In the file, ` + "`kafka-brokers`" + ` may also be written
as ` + "`brokers`" + ` under ` + "`kafka`" + `. A name that is no setting is an error, and the message names the nearest that is one. Times are
written like ` + "`500ms`, `5s` or `720h`" + `, lists with commas or, in the file, as YAML lists.

A role that runs looks at its file once a second. The settings that say so below are taken anew when they change there (keys and
certificates too, in their own files); the others that changed are named in the log, and wait for a restart. A file that is wrong,
or gone, leaves everything as it was, and the log says what is wrong with it.

` + "```sh" + `
bin/millrace config              # the settings in effect, and where each comes from
bin/millrace config --changed    # those that are not the default's
bin/millrace config check FILE   # all that is wrong with a file
bin/millrace doctor              # whether the servers that they name suit
` + "```" + `
`

// reference describes every setting, those of one group together.
func reference() string {
	cfg := app.DefaultConfig()
	s := bindSettings(pflag.NewFlagSet("reference", pflag.ContinueOnError), &cfg)
	var out strings.Builder
	out.WriteString(referenceHead)
	for _, group := range groups(s.names) {
		title := "## General"
		if group.name != "" {
			title = "## `" + group.name + "`"
		}
		fmt.Fprintf(&out, "\n%s\n\n| setting | default | |\n|---|---|---|\n", title)
		for _, name := range group.settings {
			flag := s.flags.Lookup(name)
			help := strings.ReplaceAll(flag.Usage, "|", `\|`)
			if s.live[name] {
				help += "; taken anew when the file changes"
			}
			if s.secret[name] {
				help += "; not shown by `millrace config`"
			}
			fmt.Fprintf(&out, "| `--%s`<br>`%s` | %s | %s |\n", name, envName(name), quotedDefault(flag.Value), help)
		}
	}
	return out.String()
}

func quotedDefault(value pflag.Value) string {
	if text := flagText(value); text != "" {
		return "`" + text + "`"
	}
	return ""
}

// group is the settings whose names begin alike.
type group struct {
	name     string
	settings []string
}

// groups puts the settings that share the first word of their names together;
// those that share it with no other come first.
func groups(names []string) []group {
	first := func(name string) string { word, _, _ := strings.Cut(name, "-"); return word }
	count := map[string]int{}
	for _, name := range names {
		count[first(name)]++
	}
	out := []group{{}}
	for _, name := range names {
		word := first(name)
		if count[word] == 1 || word == "log" {
			out[0].settings = append(out[0].settings, name)
			continue
		}
		if out[len(out)-1].name != word {
			out = append(out, group{name: word})
		}
		last := &out[len(out)-1]
		last.settings = append(last.settings, name)
	}
	return out
}
