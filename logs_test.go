package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// fakeGateway answers with what a test wants, and keeps what it was asked.
func fakeGateway(t *testing.T, answer http.HandlerFunc) (target string, asked func() url.Values) {
	t.Helper()
	var last url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = r.URL.Query()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() url.Values { return last }
}

// millraceLogs runs millrace logs and returns what it printed and its exit code.
func millraceLogs(ctx context.Context, target string, args ...string) (printed string, code int, err error) {
	var out bytes.Buffer
	command := newCommand()
	command.SetOut(&out)
	command.SetErr(&out)
	command.SetArgs(append([]string{"logs", "--gateway-url", target, "--utc"}, args...))
	var ran *cobra.Command
	ran, err = command.ExecuteContextC(ctx)
	return out.String(), exitCode(ran, err), err
}

const twoLogs = `{"logs":[
	{"id":"1-1","timestamp":"2026-01-02T03:04:06Z","level":"WARN","service":"shop","message":"newer"},
	{"id":"1-0","timestamp":"2026-01-02T03:04:05Z","level":"INFO","service":"shop","message":"older"}],"next":null}`

func TestLogsAskWhatTheFlagsSay(t *testing.T) {
	target, asked := fakeGateway(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, twoLogs) })
	for flags, want := range map[string]string{
		"--service a --service b --not-host h": "host!=h&service=a&service=b",
		"--level warn --min-level error":       "level=warn&min_level=error",
		"--text x word --not-text y":           "text=x&text=word&text!=y",
		"--regex a.b --not-regex c":            "regex=a.b&regex!=c",
		"--attr user.id=42 --not-attr a=b=c":   "attr.user.id=42&attr.a!=b=c",
		"--trace t --not-trace u":              "trace_id=t&trace_id!=u",
		"--since 15m --until -1m":              "from=-15m&to=-1m",
		"--since 2026-01-02T03:04:05Z":         "from=2026-01-02T03:04:05Z",
		"--oldest":                             "order=oldest",
	} {
		if _, code, err := millraceLogs(t.Context(), target, strings.Fields(flags)...); code != 0 {
			t.Errorf("%s: %d, %v", flags, code, err)
		}
		wanted := url.Values{"limit": {"100"}}
		for _, pair := range strings.Split(want, "&") {
			name, value, _ := strings.Cut(pair, "=")
			wanted.Add(name, value)
		}
		if got := asked().Encode(); got != wanted.Encode() {
			t.Errorf("%s: asked %s, want %s", flags, got, wanted.Encode())
		}
	}
}

func TestLogsAreShownTheNewestLast(t *testing.T) {
	target, _ := fakeGateway(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, twoLogs) })
	const older, newer = "2026-01-02 03:04:05.000  INFO   shop  older\n", "2026-01-02 03:04:06.000  WARN   shop  newer\n"
	for args, want := range map[string]string{
		"":        older + newer,
		"-r":      newer + older,
		"-o=raw":  "older\nnewer\n",
		"-n=1 -r": newer + older, // a gateway that gives more is believed
	} {
		if got, code, err := millraceLogs(t.Context(), target, strings.Fields(args)...); got != want || code != 0 {
			t.Errorf("%q: %q, %d, %v", args, got, code, err)
		}
	}
}

func TestLogsEndAsGrepDoes(t *testing.T) {
	target, _ := fakeGateway(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("service") == "none" {
			fmt.Fprint(w, `{"logs":[],"next":null}`)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"detail":"level is wrong"}`)
	})
	if _, code, err := millraceLogs(t.Context(), target, "--service", "none"); code != 1 || !errors.Is(err, errNoLogs) {
		t.Errorf("nothing found: %d, %v", code, err)
	}
	if _, code, err := millraceLogs(t.Context(), target); code != 2 || !strings.Contains(err.Error(), "level is wrong") {
		t.Errorf("refused: %d, %v", code, err)
	}
	if _, code, err := millraceLogs(t.Context(), "http://127.0.0.1:1"); code != 2 || !strings.Contains(err.Error(), "gateway-url") {
		t.Errorf("no gateway: %d, %v", code, err)
	}
	for _, wrong := range [][]string{{"-o", "xml"}, {"--color", "red"}, {"-n", "-1"}, {"-f", "--histogram"}, {"--step", "1m"}, {"--attr", "x"}} {
		if _, code, err := millraceLogs(t.Context(), target, wrong...); code != 2 || !strings.Contains(err.Error(), wrong[0][:2]) && err == nil {
			t.Errorf("%q: %d, %v", wrong, code, err)
		}
	}
}

// What is stored and what comes is shown once, and the pipe's end ends it: by its
// place in its batch, since two logs may say the same. What is stored is asked for
// once the tail is there, and worked out anew.
func TestLogsFollow(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	log := func(id, message string) string {
		return fmt.Sprintf(`{"id":%q,"timestamp":"2026-01-02T03:04:06Z","level":"WARN","service":"shop","message":%q,"batch_id":"k3v9-1"}`, id, message)
	}
	begun := false
	target, _ := fakeGateway(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/logs" {
			if !begun || r.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("what is stored is asked for too early, or may be old: %v", r.Header)
			}
			fmt.Fprintf(w, `{"logs":[%s,%s],"next":null}`, log("7-1", "newer"), log("7-0", "older"))
			return
		}
		begun = r.URL.Query().Get("begin") == "stored" && r.URL.Query().Get("service") == "shop"
		w.Header().Set("Content-Type", "text/event-stream")
		for _, come := range []string{log("k3v9-1.1", "newer"), log("k3v9-1.2", "newer"), log("k3v9-1.3", "newest")} {
			fmt.Fprintf(w, "event: log\ndata: %s\n\n", come)
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	out := &stopAt{text: "newest", stop: cancel}
	command := newCommand()
	command.SetOut(out)
	command.SetArgs([]string{"logs", "--gateway-url", target, "-f", "-o", "raw", "--service", "shop"})
	ran, err := command.ExecuteContextC(ctx)
	if got := out.String(); got != "older\nnewer\nnewer\nnewest\n" || exitCode(ran, err) != 0 {
		t.Errorf("%q, %v", got, err)
	}
}

// stopAt calls stop once it was given a text.
type stopAt struct {
	bytes.Buffer
	text string
	stop func()
}

func (s *stopAt) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	if strings.Contains(s.String(), s.text) {
		s.stop()
	}
	return n, err
}

func TestLogsDrawAHistogram(t *testing.T) {
	target, asked := fakeGateway(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"from":"2026-01-02T03:00:00Z","to":"2026-01-02T03:02:00Z","step":60,"total":3,"values":["INFO"],"buckets":[
			{"time":"2026-01-02T03:00:00Z","count":2,"counts":{"INFO":2}},{"time":"2026-01-02T03:01:00Z","count":1,"counts":{"INFO":1}}]}`)
	})
	got, code, err := millraceLogs(t.Context(), target, "--histogram", "--step", "1m")
	if code != 0 || !strings.HasPrefix(got, "03:00:00  2  ████") || !strings.HasSuffix(got, "3 logs, a line is 1m   INFO 3\n") {
		t.Errorf("%q, %d, %v", got, code, err)
	}
	if q := asked(); q.Get("by") != "level" || q.Get("step") != "1m" {
		t.Errorf("asked %v", q)
	}
	if _, code, err := millraceLogs(t.Context(), target, "--histogram"); code != 0 || asked().Has("step") {
		t.Errorf("without a step: %d, %v, asked %v", code, err, asked())
	}
}

func TestTheShellCompletesFromTheGateway(t *testing.T) {
	target, _ := fakeGateway(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"facets":[{"field":"service","values":[{"value":"shop","count":2},{"value":"a\u001bb","count":1},{"value":"cart","count":1}]}]}`)
	})
	for flag, want := range map[string]string{"--service": "shop\ncart\n:4\n", "--not-level": "trace\ndebug\ninfo\nwarn\nerror\nfatal\n:4\n"} {
		var out bytes.Buffer
		command := newCommand()
		command.SetOut(&out)
		command.SetErr(&bytes.Buffer{})
		command.SetArgs([]string{"__complete", "logs", "--gateway-url", target, flag, ""})
		if err := command.Execute(); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v", flag, out.String(), err)
		}
	}
}

func TestMomentsAsPeopleTypeThem(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.FixedZone("", 3600))
	for text, want := range map[string]string{
		"": "", "15m": "-15m", "-1h30m": "-1h30m", "2d": "-2d", "2026-03-01": "2026-03-01T00:00:00+01:00", "2026-03-01 10:30": "2026-03-01T10:30:00+01:00",
		"10:30": "2026-03-04T10:30:00+01:00", "1767225600": "1767225600", "now": "now", "now-2h": "-2h", "1767225600.25": "1767225600.25",
		"2026-01-02T03:04:05.5Z": "2026-01-02T03:04:05.5Z",
	} {
		if got, ok := moment(text, now); got != want || !ok {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// What cannot be asked is refused here, in the words of the flags.
func TestLogsRefuseWhatTheyCannotAsk(t *testing.T) {
	for flags, want := range map[string]string{
		"-n 0":                         "--limit is 0: want 1 to",
		"--since bogus":                `--since is "bogus": want a time as 15m`,
		"--until 5":                    "",
		"--until 25:61":                `--until is "25:61"`,
		"--attr http.status>=500":      `--attr is "http.status>=500": attributes are compared for equality alone`,
		"--attr http.status<500":       "for equality alone",
		"--attr a!=b":                  "--not-attr NAME=VALUE",
		"--not-attr http.status":       `--not-attr is "http.status": want NAME=VALUE`,
		"--attr query=a>b --since now": "",
		"-f -n -1":                     "--limit is -1",
	} {
		_, code, err := millraceLogs(t.Context(), "http://127.0.0.1:1", strings.Fields(flags)...)
		if want == "" {
			want = "gateway-url" // it was asked
		}
		if code != 2 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d, %v", flags, code, err)
		}
	}
}

// What is typed wrong is told in words, and help is of what the command has use
// for.
func TestLogsHelp(t *testing.T) {
	for args, want := range map[string]string{
		"-n x": `--limit is "x": want a whole number`, "--servce x": "unknown flag: --servce (millrace logs --help lists the flags)",
		"--oldest=perhaps": `--oldest is "perhaps": want true or false`,
	} {
		if _, code, err := millraceLogs(t.Context(), "http://127.0.0.1:1", strings.Fields(args)...); code != 2 || err.Error() != want {
			t.Errorf("%s: %d, %v", args, code, err)
		}
	}
	help, _, err := millraceLogs(t.Context(), "http://127.0.0.1:1", "--help")
	for _, want := range []string{"--not-service", "--gateway-url", "--api-key", "Examples:"} {
		if !strings.Contains(help, want) {
			t.Errorf("help lacks %s", want)
		}
	}
	if err != nil || strings.Contains(help, "--kafka-brokers") {
		t.Errorf("help, %v: %s", err, help)
	}
}

// The scripts for the shells are what the shells can read.
func TestTheShellsReadTheirCompletion(t *testing.T) {
	for shell, check := range map[string][]string{"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}} {
		t.Run(shell, func(t *testing.T) {
			program, err := exec.LookPath(check[0])
			if err != nil {
				t.Skipf("there is no %s here", shell)
			}
			var out bytes.Buffer
			command := newCommand()
			command.SetOut(&out)
			command.SetArgs([]string{"completion", shell})
			if err := command.Execute(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "completion")
			if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if said, err := exec.CommandContext(t.Context(), program, append(check[1:], file)...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
}
