package deployed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/e2e/harness"
	"millrace/e2e/servers"
)

// service is what the tests need of a service in compose's model.
type service struct {
	Image       string
	Build       *struct{ Context string }
	Command     []string
	Environment map[string]*string
	Ports       []struct{ Target int }
	Volumes     []struct{ Source, Target string }
	Healthcheck struct{ Test []string }
	StopGrace   string                                `json:"stop_grace_period"`
	DependsOn   map[string]struct{ Condition string } `json:"depends_on"`
}

// site runs the services of a compose file that are built here, each as a
// process with the command and the environment that stand there. Names of hosts
// are mapped to loopback, ports to free ones, and /data to a folder.
type site struct {
	t        *testing.T
	services map[string]service
	addr     map[string]string // by what the file says, such as log-shipper:8082
	running  map[string]*servers.Process
}

func newSite(t *testing.T, file string) *site {
	t.Helper()
	printed, err := exec.CommandContext(t.Context(), tool(t, "deploy"), "compose", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var model struct{ Services map[string]service }
	if err := json.Unmarshal(printed, &model); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(all.Postgres.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, services: model.Services, running: map[string]*servers.Process{}, addr: map[string]string{
		"kafka:29092": all.Kafka.Brokers[0], "postgres:5432": at.Host, "redis:6379": all.Redis.Addr,
	}}
	for name, one := range s.services {
		if one.Build == nil {
			continue
		}
		for _, port := range one.Ports {
			free, err := harness.FreeAddr()
			if err != nil {
				t.Fatal(err)
			}
			s.addr[fmt.Sprintf("%s:%d", name, port.Target)] = free
		}
	}
	return s
}

// here returns what turns the addresses that the file has for a service into
// those on this machine.
func (s *site) here(name string) *strings.Replacer {
	pairs := []string{}
	for there, here := range s.addr {
		pairs = append(pairs, there, here)
		if port, ok := strings.CutPrefix(there, name+":"); ok {
			pairs = append(pairs, "0.0.0.0:"+port, here)
		}
	}
	return strings.NewReplacer(pairs...)
}

// env returns the environment of a service, on this machine.
func (s *site) env(name string) []string {
	here := s.here(name)
	env := []string{"MILLRACE_DATA_DIR=" + filepath.Join(s.t.TempDir(), name)}
	if err := os.MkdirAll(strings.TrimPrefix(env[0], "MILLRACE_DATA_DIR="), 0o755); err != nil {
		s.t.Fatal(err)
	}
	for variable, value := range s.services[name].Environment {
		if value != nil {
			env = append(env, variable+"="+here.Replace(*value))
		}
	}
	return env
}

// order returns the services that are built here, each after those it waits
// for.
func (s *site) order() []string {
	var out []string
	var visit func(name string)
	visit = func(name string) {
		if s.services[name].Build == nil || slices.Contains(out, name) {
			return
		}
		for other := range s.services[name].DependsOn {
			visit(other)
		}
		out = append(out, name)
	}
	for name := range s.services {
		visit(name)
	}
	return out
}

// start starts a service and waits until its health check passes.
func (s *site) start(name string) {
	s.t.Helper()
	one, env := s.services[name], s.env(name)
	check := one.Healthcheck.Test
	if len(check) < 2 || check[0] != "CMD" || check[1] != "/millrace" {
		s.t.Fatalf("the health check of %s is %q", name, check)
	}
	process := servers.NewProcess(name, filepath.Join(s.t.TempDir(), name+".log"), func() *exec.Cmd {
		cmd := exec.Command(binary, one.Command...)
		cmd.Env = slices.Concat(os.Environ(), env)
		return cmd
	}, func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, binary, check[2:]...)
		cmd.Env = slices.Concat(os.Environ(), env)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	s.running[name] = process
	s.t.Cleanup(func() {
		process.Kill()
		if s.t.Failed() {
			s.t.Logf("output of %s:\n%s", name, process.Output())
		}
	})
	if err := process.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// stop stops a service as Docker does, and expects it to end in order within
// its grace period.
func (s *site) stop(name string) {
	s.t.Helper()
	grace, err := time.ParseDuration(s.services[name].StopGrace)
	if err != nil {
		s.t.Fatal(err)
	}
	began := time.Now()
	process := s.running[name]
	process.Stop()
	if code, took := process.ExitCode(), time.Since(began); code != 0 || took > grace {
		s.t.Errorf("%s ended with %d after %s, of %s that it has", name, code, took, grace)
	}
}

// url returns the address of a service on this machine.
func (s *site) url(service string) string { return "http://" + s.addr[service] }

func (s *site) get(service, path string) (status int, body string) {
	s.t.Helper()
	return get(s.t, s.url(service)+path)
}

// count returns a counter, or a gauge, as Actuator shows it.
func (s *site) count(service, metric string) int {
	s.t.Helper()
	status, body := s.get(service, "/actuator/metrics/"+metric)
	var shown struct {
		Measurements []struct{ Value float64 }
	}
	if err := json.Unmarshal([]byte(body), &shown); err != nil || status != http.StatusOK || len(shown.Measurements) == 0 {
		s.t.Fatalf("%s of %s: %d %s", metric, service, status, body)
	}
	return int(shown.Measurements[0].Value)
}
