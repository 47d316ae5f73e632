package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is set by whoever builds a release (-ldflags "-X main.version=v1.2.3").
// Else the Go toolchain knows as much as the repository tells it.
var version string

// newVersionCommand returns the command that tells what was built from what.
func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go it was built with",
		Args:  noArguments,
		// No settings are needed for it: wrong ones must not hide it.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(cmd.OutOrStdout(), describeBuild(version, info))
			return err
		},
	}
}

// describeBuild returns one line such as
//
//	millrace v1.2.3, commit 0123456789ab of 2026-03-01T12:00:00Z, go1.26.0 linux/amd64
func describeBuild(version string, info *debug.BuildInfo) string {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if version == "" {
		version = info.Main.Version
	}
	if version == "" || version == "(devel)" {
		version = "development"
	}
	parts := []string{"millrace " + version}
	if commit := settings["vcs.revision"]; commit != "" {
		text := "commit " + commit[:min(12, len(commit))]
		if at := settings["vcs.time"]; at != "" {
			text += " of " + at
		}
		if settings["vcs.modified"] == "true" {
			text += " with changes"
		}
		parts = append(parts, text)
	}
	return strings.Join(append(parts, strings.TrimSpace(info.GoVersion+" "+settings["GOOS"]+"/"+settings["GOARCH"])), ", ")
}
