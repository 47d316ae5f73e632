package main

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestTheVersionSaysWhatWasBuilt(t *testing.T) {
	built := &debug.BuildInfo{GoVersion: "go1.26.0", Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-03-01T12:00:00Z"}, {Key: "vcs.modified", Value: "true"},
		{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "amd64"},
	}}
	for _, tc := range []struct {
		version string
		info    *debug.BuildInfo
		want    string
	}{
		{"v1.2.3", built, "millrace v1.2.3, commit 0123456789ab of 2026-03-01T12:00:00Z with changes, go1.26.0 linux/amd64"},
		{"", &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "(devel)"}}, "millrace development, go1.26.0 /"},
		{"", nil, "millrace development, /"},
	} {
		if got := describeBuild(tc.version, tc.info); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
	// Settings that cannot be right do not hide it.
	t.Setenv("MILLRACE_KAFKA_PARTITIONS", "0")
	if out, err := millrace(t, "version"); err != nil || !strings.HasPrefix(out, "millrace ") {
		t.Errorf("%q, error %v", out, err)
	}
}
