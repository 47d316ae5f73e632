package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"millrace/e2e/harness"
	"millrace/e2e/servers"
)

var (
	gateway, shipper string          // addresses
	browser          context.Context // a Chromium, in which each test opens a tab
	axe              string          // the script of axe-core
	binary           string
	site             *running // whose addresses these are
)

const screenshots = "screenshots"

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		log.Print(err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	chromium, err := findChromium()
	if err != nil {
		return 1, err
	}
	if axe, err = readAxe(); err != nil {
		return 1, err
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "millrace-ui")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if binary, err = harness.Build(ctx, dir); err != nil {
		return 1, err
	}
	if site, err = startUp(ctx, filepath.Join(dir, "site")); err != nil {
		return 1, err
	}
	defer site.Kill()
	gateway, shipper = site.gateway, site.shipper
	if err := seed(ctx); err != nil {
		return 1, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.WindowSize(1280, 900))
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	var end context.CancelFunc
	browser, end = chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Run(browser); err != nil {
		return 1, fmt.Errorf("starting Chromium: %w", err)
	}
	return m.Run(), nil
}

func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no Chromium: install it (Debian: apt-get install chromium)")
}

func readAxe() (string, error) {
	file := os.Getenv("MILLRACE_AXE")
	if file == "" {
		file = filepath.Join("..", "..", ".cache", "axe", "node_modules", "axe-core", "axe.min.js")
	}
	script, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("there is no axe-core: run ./task axe, which fetches it, or name axe.min.js in MILLRACE_AXE: %w", err)
	}
	return string(script), nil
}

// running is a Millrace with every role.
type running struct {
	*servers.Process
	gateway, shipper, kafka string // addresses
	data                    string // its folder
}

// startUp runs every role in one process, on embedded servers, and without logs
// of its own. prepare runs before, with the folder of its data.
func startUp(ctx context.Context, dir string, prepare ...func(data string) error) (*running, error) {
	r := &running{data: filepath.Join(dir, "data")}
	if err := os.MkdirAll(r.data, 0o755); err != nil {
		return nil, err
	}
	for _, one := range prepare {
		if err := one(r.data); err != nil {
			return nil, err
		}
	}
	args := []string{"up", "--data-dir", r.data, "--producer-rate", "0", "--batching-max-delay", "200ms"}
	at := map[string]string{}
	for _, name := range []string{"producer", "shipper", "consumer", "gateway", "kafka", "postgres", "redis"} {
		addr, err := harness.FreeAddr()
		if err != nil {
			return nil, err
		}
		at[name] = addr
	}
	roles := []string{"producer", "shipper", "consumer", "gateway"}
	for _, role := range roles {
		args = append(args, "--"+role+"-addr", at[role])
	}
	for _, server := range []string{"kafka", "postgres", "redis"} {
		args = append(args, "--embedded-"+server+"-port", at[server][strings.LastIndexByte(at[server], ':')+1:])
	}
	r.gateway, r.shipper, r.kafka = at["gateway"], at["shipper"], at["kafka"]
	ready := func(ctx context.Context) error {
		for _, role := range roles {
			if err := harness.Healthy(ctx, at[role]); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	r.Process, err = servers.Run(ctx, "millrace", filepath.Join(dir, "up.log"), func() *exec.Cmd { return exec.Command(binary, args...) }, ready)
	return r, err
}

// logLine is a log as a client sends it.
type logLine struct {
	Timestamp  time.Time      `json:"timestamp"`
	Level      string         `json:"level"`
	Service    string         `json:"service"`
	Host       string         `json:"host"`
	Message    string         `json:"message"`
	TraceID    string         `json:"trace_id,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// hostileLogs try to be more than text.
var hostileLogs = []string{
	`<script>document.title="owned"</script><img src=x onerror='document.title="owned"'>`,
	"\x1b[31;1mred\x1b[0m then \x1b[2J and \x1b]0;owned\x07",
	"user \u202egpj.exe\u202c turned",
	"first line\n\tat com.example.Main(Main.java:42)\n\tat com.example.Other(Other.java:7)",
	"long " + strings.Repeat("0123456789", 3000),
	"javascript:alert(1) http://evil.example/ {{.}} ${x}",
}

const services = 4

// seed sends logs of the last half hour through the shipper, and waits until they
// are found.
func seed(ctx context.Context) error {
	now := time.Now().UTC()
	var lines []logLine
	for i := range 400 {
		line := logLine{
			Timestamp: now.Add(-time.Duration(i) * 4 * time.Second), Level: []string{"INFO", "DEBUG", "INFO", "WARN", "INFO"}[i%5],
			Service: []string{"checkout", "cart", "payments", "web"}[i%services], Host: fmt.Sprintf("host-%d", i%3), Message: fmt.Sprintf("order %d accepted in %d ms", i, i%90),
			Attributes: map[string]any{"user": map[string]any{"id": i % 50}, "http.status": 200}, TraceID: fmt.Sprintf("%032x", i/4+1),
		}
		if i%40 == 7 {
			line.Level, line.Message = "ERROR", fmt.Sprintf("upstream timeout after 3000 ms: order %d: connection refused", i)
		}
		lines = append(lines, line)
	}
	for i, text := range hostileLogs {
		lines = append(lines, logLine{Timestamp: now.Add(-time.Duration(i) * time.Second), Level: "FATAL", Service: "hostile", Host: `h"><b>`, Message: text, Attributes: map[string]any{"<b>x</b>": "<i>y</i>"}})
	}
	if err := send(ctx, lines...); err != nil {
		return err
	}
	return await(ctx, fmt.Sprintf("%d logs are found", len(lines)), func() bool {
		var stats struct{ Count int }
		return getJSON("/api/logs/stats?from=-1h", &stats) == nil && stats.Count >= len(lines)
	})
}

func send(ctx context.Context, lines ...logLine) error {
	var body strings.Builder
	encoder := json.NewEncoder(&body)
	for _, line := range lines {
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+shipper+"/api/logs", strings.NewReader(body.String()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		why, _ := io.ReadAll(response.Body)
		return fmt.Errorf("the shipper answered %s: %s", response.Status, why)
	}
	return nil
}

func getJSON(path string, into any) error {
	response, err := http.Get("http://" + gateway + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

func await(ctx context.Context, what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if harness.Await(ctx, is) != nil {
		return fmt.Errorf("waited in vain until %s", what)
	}
	return nil
}
