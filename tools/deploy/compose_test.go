package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const deployments = "../../deployments"

func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := loadCompose(t.Context(), deployments+"/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// seedPorts are the services and ports that people know.
var seedPorts = map[string]string{
	"api-gateway": "8080", "log-producer": "8081", "log-shipper": "8082", "log-consumer": "8083",
	"kafka": "9092", "postgres": "5432", "redis": "6379", "prometheus": "9090", "grafana": "3000",
}

func TestComposeHasTheServicesAndPortsThatPeopleKnow(t *testing.T) {
	p := project(t)
	if len(p.Services) != len(seedPorts) {
		t.Errorf("the services are %v", p.ServiceNames())
	}
	for name, port := range seedPorts {
		s, err := p.GetService(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(s.Ports) != 1 || s.Ports[0].Published != port || s.Ports[0].HostIP != "127.0.0.1" {
			t.Errorf("%s is open at %+v: want 127.0.0.1:%s", name, s.Ports, port)
		}
		if s.HealthCheck == nil || len(s.HealthCheck.Test) == 0 {
			t.Errorf("%s has no health check", name)
		}
		for other, on := range s.DependsOn {
			if on.Condition != types.ServiceConditionHealthy {
				t.Errorf("%s starts when %s is only %s", name, other, on.Condition)
			}
		}
		if regexp.MustCompile(`:latest$|^[^:]+$`).MatchString(s.Image) {
			t.Errorf("%s runs %s, which names no version", name, s.Image)
		}
	}
}

// ours are the services that run Millrace.
func ours(p *types.Project) map[string]types.ServiceConfig {
	out := map[string]types.ServiceConfig{}
	for name, s := range p.Services {
		if s.Build != nil {
			out[name] = s
		}
	}
	return out
}

func TestOurServicesAreConfined(t *testing.T) {
	p := project(t)
	if len(ours(p)) != 4 {
		t.Fatalf("%d services are built here", len(ours(p)))
	}
	known := settings(t)
	for name, s := range ours(p) {
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || s.Privileged || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs", name)
		}
		if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < 35*time.Second {
			t.Errorf("%s has no time to flush: shutdown-timeout is 30s", name)
		}
		if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
			t.Error(err)
		}
		for variable := range s.Environment {
			if !slices.Contains(known, variable) {
				t.Errorf("%s sets %s, which is no setting", name, variable)
			}
		}
		writable := slices.ContainsFunc(s.Tmpfs, func(m string) bool { return strings.HasPrefix(m, "/data") }) ||
			slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/data" })
		if !writable {
			t.Errorf("%s has nowhere to write", name)
		}
	}
	shipper, _ := p.GetService("log-shipper")
	if len(shipper.Volumes) != 1 || shipper.Volumes[0].Type != types.VolumeTypeVolume {
		t.Error("the journal is on no volume")
	}
}

// Who exports a variable for compose.yaml may run bin/millrace in the same
// shell, which refuses variables that begin like its settings and are none.
func TestVariablesOfTheFileAreInNobodysWay(t *testing.T) {
	text, err := os.ReadFile(deployments + "/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(string(text), -1)
	if len(used) == 0 {
		t.Fatal("no variable is used")
	}
	known := settings(t)
	for _, variable := range used {
		if name := variable[1]; strings.HasPrefix(name, "MILLRACE_") && !slices.Contains(known, name) {
			t.Errorf("%s is used, and is no setting", name)
		}
	}
}

// settings are the variables of docs/configuration.md.
func settings(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`MILLRACE_[A-Z_]+`).FindAllString(string(text), -1)
}

func TestMountedFilesAreThere(t *testing.T) {
	for name, s := range project(t).Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s may write to %s", name, v.Source)
			}
		}
	}
}

func TestTheImageHasNoRootAndNoShell(t *testing.T) {
	text, err := os.ReadFile(deployments + "/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	last := stages[len(stages)-1]
	if len(stages) != 2 || !strings.Contains(last.BaseName, "distroless/static") {
		t.Errorf("%d stages, the last from %s", len(stages), last.BaseName)
	}
	user, entry := "", []string(nil)
	for _, command := range last.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entry = c.CmdLine
		case *instructions.RunCommand:
			t.Error("there is no shell to run anything")
		}
	}
	if user != "65532:65532" || !slices.Equal(entry, []string{"/millrace"}) {
		t.Errorf("it runs %v as %q", entry, user)
	}
	if _, err := os.Stat("../../go.mod"); err != nil {
		t.Fatal(err)
	}
	module, _ := os.ReadFile("../../go.mod")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if want := "golang:" + string(version[1]); stages[0].BaseName != want {
		t.Errorf("it is built with %s, and go.mod wants %s", stages[0].BaseName, want)
	}
}

// What the image is built from is in what is sent to the builder.
func TestTheBuildContextHasEveryPackage(t *testing.T) {
	ignore, err := os.ReadFile(deployments + "/Dockerfile.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		files, _ := filepath.Glob("../../" + entry.Name() + "/*.go")
		nested, _ := filepath.Glob("../../" + entry.Name() + "/*/*.go")
		built := len(files)+len(nested) > 0 && !slices.Contains([]string{"e2e", "tools", "deployments", "docs"}, entry.Name())
		if built && entry.IsDir() && !slices.Contains(strings.Split(string(ignore), "\n"), "!"+entry.Name()) {
			t.Errorf("%s is not sent to the builder", entry.Name())
		}
	}
}
