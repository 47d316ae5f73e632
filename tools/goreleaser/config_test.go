package goreleaser

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// The configuration is read as goreleaser itself reads it: a name that it does
// not know is an error. ./task release:check runs all of its checks.
func TestTheConfigurationIsGoreleasers(t *testing.T) {
	text, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	project, err := config.LoadReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if project.Version != 2 || len(project.Builds) != 1 || len(project.Archives) != 1 || len(project.SBOMs) != 1 {
		t.Errorf("%+v", project)
	}
	if build := project.Builds[0]; build.Main != "." || !slices.Contains(build.Env, "CGO_ENABLED=0") || !strings.Contains(strings.Join(build.Ldflags, " "), "-X main.version=") {
		t.Errorf("%+v", build)
	}
	for _, file := range project.Archives[0].Files {
		plain, _, _ := strings.Cut(file.Source, "*")
		if _, err := os.Stat("../../" + strings.TrimSuffix(plain, "/")); err != nil {
			t.Error(err)
		}
	}
	wrong := bytes.Replace(text, []byte("ldflags:"), []byte("ldflag:"), 1)
	if _, err := config.LoadReader(bytes.NewReader(wrong)); err == nil {
		t.Error("a name that goreleaser does not know is taken")
	}
}
