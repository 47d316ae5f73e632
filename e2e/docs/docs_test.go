// Package docs runs what the documents tell people to type.
//
// Each block that is marked sh in README.md and docs/*.md is run by bash, as it
// stands but for the ports, against a millrace up of the test's own; one that
// is marked "sh skip" is for servers that are not here. Of a line that calls
// ./task, it is checked that there is such a task: they have tests of their own.
package docs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"millrace/e2e/harness"
)

const repository = "../.."

// block is a shell block of a document.
type block struct{ where, text string }

var fenced = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```")

func blocks(t *testing.T) []block {
	t.Helper()
	files, err := filepath.Glob(repository + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	for _, file := range append([]string{repository + "/README.md"}, files...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range fenced.FindAllSubmatchIndex(text, -1) {
			line := 1 + strings.Count(string(text[:at[0]]), "\n")
			out = append(out, block{fmt.Sprintf("%s:%d", filepath.Base(file), line), string(text[at[2]:at[3]])})
		}
	}
	return out
}

// follows are lines that go on until they are interrupted, or where a person
// must put in what only they know.
var follows = regexp.MustCompile(`(send|logs) -f |curl -N |millrace up|key revoke ID`)

var taskLine = regexp.MustCompile(`^\s*(?:[A-Z]+=\S+ )*\./task ([a-z][a-z:-]*)`)

func TestTheBlocksOfTheDocumentsRun(t *testing.T) {
	dir := t.TempDir()
	binary, err := harness.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, dir+"/bin/millrace"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/millrace.yaml", []byte("batching:\n  max-delay: 200ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tasks, err := os.ReadFile(repository + "/Taskfile.yml")
	if err != nil {
		t.Fatal(err)
	}
	ports, env := up(t, dir)
	for _, b := range blocks(t) {
		t.Run(b.where, func(t *testing.T) {
			var script strings.Builder
			for line := range strings.Lines(b.text) {
				if m := taskLine.FindStringSubmatch(line); m != nil {
					if !strings.Contains(string(tasks), "\n  "+m[1]+":") {
						t.Errorf("there is no task %s", m[1])
					}
					continue
				}
				if !follows.MatchString(line) {
					script.WriteString(line)
				}
			}
			text := ports.Replace(script.String())
			text = strings.ReplaceAll(text, "FILE ", "millrace.yaml ")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "bash", "-c", "set -eo pipefail\n"+text)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s\nprinted\n%s", err, text, out)
			}
		})
	}
}

// up runs every role on embedded servers, and returns where the documents'
// ports are, and the settings by which commands find them.
func up(t *testing.T, dir string) (*strings.Replacer, []string) {
	t.Helper()
	env := []string{"MILLRACE_PRODUCER_RATE=300", "MILLRACE_DATA_DIR=" + dir + "/data", "MILLRACE_CONFIG=" + dir + "/millrace.yaml"}
	var pairs []string
	var gateway string
	for port, role := range map[string]string{"8080": "gateway", "8081": "producer", "8082": "shipper", "8083": "consumer"} {
		addr, err := harness.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		_, free, _ := strings.Cut(addr, ":")
		pairs = append(pairs, "localhost:"+port, "localhost:"+free)
		env = append(env, "MILLRACE_"+strings.ToUpper(role)+"_ADDR="+addr)
		if role == "gateway" {
			gateway = addr
		}
	}
	process := harness.Role(dir+"/millrace", dir, gateway, env, "up")
	t.Cleanup(func() {
		process.Stop()
		if t.Failed() {
			t.Logf("output of up:\n%s", process.Output())
		}
	})
	if err := process.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitLogs(t, "http://"+gateway+"/api/logs?service=checkout&min_level=WARN&text=timeout&limit=1")
	// Keys that are made on the way are not for this millrace, which asks for none.
	return strings.NewReplacer(pairs...), append(env, "MILLRACE_ACCESS_KEYS_FILE="+dir+"/keys.json")
}

// awaitLogs waits until there are logs such as the documents ask for.
func awaitLogs(t *testing.T, url string) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil && strings.Contains(string(body), `"id":`) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("there is nothing at %s: %s", url, body)
		}
	}
}
