package deployed

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"millrace/e2e/servers"
)

// imageConfig is the configuration with which Prometheus' image starts when it
// is given no command.
const imageConfig = "/etc/prometheus/prometheus.yml"

// startPrometheus starts Prometheus with the configuration that the file mounts
// into its container.
func (s *site) startPrometheus() *servers.Prometheus {
	s.t.Helper()
	const name = "prometheus"
	if command := s.services[name].Command; len(command) > 0 {
		s.t.Fatalf("Prometheus is started with %q, and here without", command)
	}
	dir, mounted := s.t.TempDir(), ""
	for _, volume := range s.services[name].Volumes {
		if volume.Target == filepath.Dir(imageConfig) {
			mounted = volume.Source
		}
	}
	if err := os.CopyFS(dir, os.DirFS(mounted)); mounted == "" || err != nil {
		s.t.Fatalf("the configuration of Prometheus is mounted from %q: %v", mounted, err)
	}
	config := filepath.Join(dir, filepath.Base(imageConfig))
	text, err := os.ReadFile(config)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(s.here(name).Replace(string(text))), 0o644); err != nil {
		s.t.Fatal(err)
	}
	started, err := servers.StartPrometheus(s.t.Context(), dir, config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		started.Kill()
		if s.t.Failed() {
			s.t.Logf("output of Prometheus:\n%s", started.Output())
		}
	})
	return started
}

// askPrometheus reads the data of an answer of Prometheus' API.
func askPrometheus(t *testing.T, at *servers.Prometheus, path string, into any) {
	t.Helper()
	status, body := get(t, at.URL+path)
	var answer struct{ Data json.RawMessage }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		t.Fatalf("%s: %v: %s", path, err, body)
	}
}

// expectWatched waits until Prometheus has seen each of the services that are
// built here, and its rules and the seed's first query have their values.
func (s *site) expectWatched(by *servers.Prometheus) {
	s.t.Helper()
	var want []string
	for _, name := range s.order() {
		for _, port := range s.ports(name) {
			want = append(want, s.url(port)+"/metrics")
		}
	}
	slices.Sort(want)
	type target struct{ ScrapeURL, Health, LastError string }
	var targets []target
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("of Prometheus' targets, want %q: %+v", want, targets)
		}
	})
	eventually(s.t, "every target is up", func() bool {
		var found struct{ ActiveTargets []target }
		askPrometheus(s.t, by, "/api/v1/targets?state=active", &found)
		targets = found.ActiveTargets
		var up []string
		for _, one := range targets {
			if one.Health == "up" {
				up = append(up, one.ScrapeURL)
			}
		}
		slices.Sort(up)
		return slices.Equal(up, want) && len(targets) == len(want)
	})
	type rule struct{ Name, Health, LastError string }
	var files []string
	eventually(s.t, "every rule is evaluated", func() bool {
		var found struct {
			Groups []struct {
				File  string
				Rules []rule
			}
		}
		askPrometheus(s.t, by, "/api/v1/rules", &found)
		files = files[:0]
		for _, group := range found.Groups {
			files = append(files, filepath.Base(group.File))
			for _, one := range group.Rules {
				if one.Health == "err" {
					s.t.Fatalf("%+v", one)
				}
				if one.Health != "ok" {
					return false
				}
			}
		}
		return len(found.Groups) > 0
	})
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		if !slices.Contains(files, name) {
			s.t.Errorf("the rules of %s are not loaded", name)
		}
	}
	eventually(s.t, "a query answers", func() bool {
		var found struct{ Result []struct{ Value [2]any } }
		askPrometheus(s.t, by, "/api/v1/query?query="+url.QueryEscape("rate(logs_sent_total[1m]) > 0"), &found)
		return len(found.Result) == 1
	})
}

// ports returns what the file says of a service's ports, such as
// log-shipper:8082.
func (s *site) ports(name string) (ports []string) {
	for there := range s.addr {
		if strings.HasPrefix(there, name+":") {
			ports = append(ports, there)
		}
	}
	return ports
}
