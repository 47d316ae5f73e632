package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// poison runs a poison command against a gateway that answers with a body, and
// returns what it printed and what the gateway was asked.
func poison(t *testing.T, answer string, args ...string) (out string, asked []string, err error) {
	t.Helper()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, strings.TrimSpace(fmt.Sprint(r.Method, " ", r.URL, " ", string(body))))
		_, _ = io.WriteString(w, answer)
	}))
	defer gateway.Close()
	command := newCommand()
	var printed bytes.Buffer
	command.SetOut(&printed)
	command.SetArgs(append([]string{"poison", "--gateway-url", gateway.URL}, args...))
	err = command.ExecuteContext(t.Context())
	return printed.String(), asked, err
}

const evil = `{"id":17,"state":"held","stage":"ship","reason":"too-large","error":"no\u001b[31m","shipper":"a\u0007b","first":4,"count":2,"tries":3}`

func TestPoisonListsItemsWithoutWhatATerminalWouldObey(t *testing.T) {
	out, asked, err := poison(t, `{"items":[`+evil+`],"next":"1z"}`, "ls", "--state", "held", "--reason", "too-large", "--limit", "7")
	if err != nil || len(asked) != 1 || asked[0] != "GET /api/quarantine?limit=7&reason=too-large&state=held" {
		t.Errorf("asked %q, %v", asked, err)
	}
	if !strings.Contains(out, "17  held   ship   too-large") || !strings.Contains(out, `"a\ab"`) || strings.ContainsAny(out, "\x1b\a") || !strings.Contains(out, "--cursor 1z") {
		t.Errorf("%q", out)
	}
	out, _, err = poison(t, `{"items":[`+evil+`],"next":null}`, "ls", "--json")
	if err != nil || !strings.Contains(out, `"id": 17`) || strings.ContainsAny(out, "\x1b\a") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestPoisonShowsAnItem(t *testing.T) {
	item := strings.TrimSuffix(evil, "}") + `,"headers":[{"name":"n","value":"v\u001b"},{"name":"b","bytes":"/wA="}],
		"history":[{"at":"2026-01-31T12:00:00Z","what":"poisoned","stage":"ship","reason":"too-large","error":"e"}],`
	out, asked, err := poison(t, item+`"logs":[{"message":"hello\u001b"}],"logs_total":5}`, "show", "17")
	if err != nil || asked[0] != "GET /api/quarantine/17" {
		t.Errorf("asked %q, %v", asked, err)
	}
	for _, want := range []string{"17, held", "too-large, 3 times", "hello", "4 more logs", "2026-01-31T12:00:00Z poisoned at ship", `\xff\x00`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is missing in %q", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	out, _, err = poison(t, item+`"logs":[],"logs_total":0,"bytes":3,"payload":"G1td"}`, "show", "17")
	if err != nil || !strings.Contains(out, "1b 5b 5d") || strings.Contains(out, "\x1b") {
		t.Errorf("%q, %v", out, err)
	}
	if out, asked, err := poison(t, "\x00raw", "show", "17", "--payload"); err != nil || out != "\x00raw" || asked[0] != "GET /api/quarantine/17/payload" {
		t.Errorf("%q, %q, %v", out, asked, err)
	}
}

func TestPoisonReplaysAndDiscards(t *testing.T) {
	const fine = `{"results":[{"id":4,"state":"replaying"},{"id":5,"state":"replaying"}],"more":false}`
	out, asked, err := poison(t, fine, "replay", "5", "4")
	if err != nil || asked[0] != `POST /api/quarantine/replay {"ids":[5,4]}` || out != "4: replaying\n5: replaying\n" {
		t.Errorf("%q, asked %q, %v", out, asked, err)
	}
	_, asked, err = poison(t, fine, "discard", "--all", "--reason", "panic", "--limit", "9")
	if err != nil || asked[0] != `POST /api/quarantine/discard {"filter":{"reason":"panic"},"limit":9}` {
		t.Errorf("asked %q, %v", asked, err)
	}
	out, _, err = poison(t, `{"results":[{"id":4,"detail":"no batch\u001b"}],"more":true}`, "discard", "4")
	if err == nil || !strings.Contains(out, `4: "no batch\x1b"`) || !strings.Contains(out, "there are more") {
		t.Errorf("%q, %v", out, err)
	}
	for _, args := range [][]string{{"replay"}, {"discard", "--all", "4"}, {"replay", "x"}, {"show", "-1"}, {"show"}, {"ls", "--since", "long ago"},
		{"ls", "--state", ""}, {"discard", "--all", "--reason", ""}, {"replay", "--all", "--shipper", ""}} {
		if _, asked, err := poison(t, fine, args...); err == nil || len(asked) != 0 {
			t.Errorf("%q: asked %q, %v", args, asked, err)
		}
	}
}
