package deployed

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"millrace/e2e/harness"
)

// The program and the servers, started once for all tests.
var (
	binary string
	all    *harness.Servers
)

func TestMain(m *testing.M) {
	os.Exit(harness.Suite("millrace-deployed-", func(program string, started *harness.Servers) int {
		binary, all = program, started
		return m.Run()
	}))
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	harness.Eventually(t, what, condition)
}

// tool builds one of our tools and returns the program.
func tool(t *testing.T, name string) string {
	t.Helper()
	program := t.TempDir() + "/" + name
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../../tools/"+name, "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building tools/%s: %v: %s", name, err, out)
	}
	return program
}

// command runs a program to its end and returns what it printed.
func command(t *testing.T, env []string, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// get asks for a URL and returns what is answered.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(read)
}
