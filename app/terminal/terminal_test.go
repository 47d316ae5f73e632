package terminal_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/terminal"
)

var update = flag.Bool("update", false, "write what is printed as what is expected")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var logs = []string{
	`{"id":"1-0","timestamp":"2026-01-02T03:04:05.678901Z","level":"INFO","service":"shop","host":"web-1","message":"order placed","attributes":{"user":{"id":42}},"trace_id":"0af7651916cd43dd8448eb211c80319c"}`,
	`{"id":"1-1","timestamp":"2026-01-02T03:04:06Z","level":"ERROR","service":"shop","host":"web-1","message":"\u001b[31mfailed\u001b[0m\u001b]0;owned\u0007 \u001b[2Jnow\nat Main.java:42\n\tat Other.java:1\n"}`,
	`{"id":"1-2","timestamp":"2026-01-02T03:04:07Z","level":"WARN","service":"a\nb\u001b[1m","host":"","message":"user \u202egpj.exe\u0000\r","attributes":{"x\u001b":"y\u009b31m"}}`,
	`{"id":"1-3","timestamp":"2026-01-02T03:04:08Z","level":"LEVEL(0)","service":"","host":"","message":"` + "\u009b2J\u202e\U000e0041" + `"}`,
}

func TestLogs(t *testing.T) {
	for name, cfg := range map[string]terminal.Config{
		"text":     {Form: terminal.Text},
		"color":    {Form: terminal.Text, Color: true, Long: true},
		"long":     {Form: terminal.Text, Long: true, Zone: time.FixedZone("", 2*3600)},
		"json":     {Form: terminal.JSON},
		"escaped":  {Form: terminal.JSON, Terminal: true},
		"raw":      {Form: terminal.Raw},
		"terminal": {Form: terminal.Raw, Terminal: true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := terminal.New(&out, cfg)
			for _, log := range logs {
				if err := p.Log(json.RawMessage(log)); err != nil {
					t.Fatal(err)
				}
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestHistogram(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	counts := app.Histogram{From: at, To: at.Add(4 * time.Minute), Step: 60, Total: 1103, Values: []string{"INFO", "ERROR"}}
	for i, b := range []map[string]int64{{"INFO": 1000}, {}, {"INFO": 50, "ERROR": 50}, {"ERROR": 3}} {
		counts.Buckets = append(counts.Buckets, app.Bucket{Time: at.Add(time.Duration(i) * time.Minute), Count: b["INFO"] + b["ERROR"], Counts: b})
	}
	for name, color := range map[string]bool{"histogram": false, "histogram-color": true} {
		var out bytes.Buffer
		if err := terminal.New(&out, terminal.Config{Color: color}).Histogram(counts, 60); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.Bytes())
	}
	for step, want := range map[int64]string{86400: "1d", 7200: "2h", 90: "90s", 1: "1s"} {
		var out bytes.Buffer
		if err := terminal.New(&out, terminal.Config{}).Histogram(app.Histogram{From: at, To: at, Step: step}, 0); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != "0 logs, a line is "+want+"\n" {
			t.Errorf("a step of %d s: %q, want %s", step, got, want)
		}
	}
}

func TestWhatIsNoLogIsAnError(t *testing.T) {
	for _, form := range []terminal.Form{terminal.Text, terminal.JSON} {
		if terminal.New(&bytes.Buffer{}, terminal.Config{Form: form}).Log(json.RawMessage(`{`)) == nil {
			t.Errorf("%s takes it", form)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (-update writes it anew): got\n%s\nwant\n%s", file, got, want)
	}
}

// Messages stand below each other, though no name is known before it comes.
func TestTheColumnOfServicesGrows(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(&out, terminal.Config{Form: terminal.Text})
	for _, service := range []string{"cart", "checkout", "", "é", strings.Repeat("x", 40), "cart"} {
		if err := p.Log(json.RawMessage(`{"timestamp":"2026-01-02T03:04:05Z","level":"INFO","service":"` + service + `","message":"m"}`)); err != nil {
			t.Fatal(err)
		}
	}
	const head = "2026-01-02 03:04:05.000  INFO   "
	want := head + "cart  m\n" + head + "checkout  m\n" + head + "          m\n" + head + "é         m\n" +
		head + strings.Repeat("x", 40) + "  m\n" + head + "cart" + strings.Repeat(" ", 20) + "  m\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
