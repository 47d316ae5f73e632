package ui

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp/kb"
)

// guarded is a Millrace of its own that asks for keys and has no logs yet, and a
// key by the name of its scope.
func guarded(t *testing.T) (*running, map[string]string) {
	t.Helper()
	keys := map[string]string{}
	dir := t.TempDir()
	up, err := startUp(t.Context(), dir, func(data string) error {
		for _, scope := range []string{"read", "admin"} {
			out, err := exec.CommandContext(t.Context(), binary, "key", "create", "--data-dir", data, "--name", "my-"+scope, "--scope", scope).Output()
			if err != nil {
				return fmt.Errorf("making a key: %w", err)
			}
			keys[scope] = strings.TrimSpace(string(out))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		up.Kill()
		if t.Failed() {
			t.Log(up.Output())
		}
	})
	return up, keys
}

// logIn shows a key, as one does who was sent to the page that asks for it.
func (p *tab) logIn(key string) {
	p.t.Helper()
	p.until("location.pathname === '/login'")
	p.click("#key")
	p.keys(key + kb.Enter)
}

// What one may not do is said, and not done; whoever logs out is asked again.
func TestKeys(t *testing.T) {
	up, keys := guarded(t)
	id := setAside(t, up)
	p := newTab(t)
	p.at = up.gateway
	p.expected = []string{"status of 401", "status of 403"}
	p.do(network.ClearBrowserCookies())
	t.Cleanup(func() { p.do(network.ClearBrowserCookies()) }) // the tests share a browser

	for _, path := range []string{"/pipeline", "/quarantine", "/quarantine/" + id, "/?service=shop"} {
		p.open(path)
		p.until("location.pathname === '/login'")
	}
	p.logIn("mr_this-is-no-key")
	p.until("document.querySelector('[role=alert]')")
	if said := p.text("[role=alert]"); !strings.Contains(said, "key") {
		t.Errorf("of a wrong key it says %q", said)
	}
	p.shot("login-wrong")
	p.logIn(keys["read"])
	p.query("service", "shop") // where one wanted to go
	var cookies string
	if p.js("document.cookie", &cookies); cookies != "" {
		t.Errorf("a script reads %q", cookies)
	}

	// The first look: there is nothing yet, and how to change that.
	p.open("/")
	for _, want := range []string{"no logs in this time", "curl http://" + up.shipper + "/api/logs", "Authorization: Bearer KEY"} {
		if !strings.Contains(p.text("#empty"), want) {
			t.Errorf("the first page lacks %q", want)
		}
	}
	for _, dark := range []bool{false, true} {
		for _, phone := range []bool{false, true} {
			p.look(dark, phone)
			p.shot("first-" + variant(dark, phone))
			var tooWide bool
			if p.js("document.documentElement.scrollWidth > innerWidth || document.querySelector('.who').getBoundingClientRect().right > 390 && innerWidth <= 390 || innerWidth > 1280", &tooWide); tooWide {
				t.Errorf("the page is wider than the screen, phone=%t", phone)
			}
		}
	}
	p.look(false, false)

	p.open("/quarantine/" + id)
	p.click("button[formaction$='discard']")
	p.until("document.querySelector('.trouble')")
	if said := p.text(".trouble"); !strings.Contains(said, "Your key does not allow this") || !strings.Contains(said, "admin") {
		t.Errorf("of what a key may not do it says %q", said)
	}
	p.shot("quarantine-forbidden")
	p.open("/quarantine/" + id)
	if state := p.text(".lead .badge"); state != "held" {
		t.Errorf("the item is %s", state)
	}

	// A page that follows what changes says so when its key is taken from it.
	for _, path := range []string{"/pipeline", "/quarantine?state=held"} {
		p.open(path)
		p.do(network.ClearBrowserCookies())
		p.until("document.querySelector('#fresh a')")
		if said := p.text("#fresh"); !strings.Contains(said, "needs a key now") {
			t.Errorf("without its key %s says %q", path, said)
		}
		p.click("#fresh a")
		p.logIn(keys["read"])
		p.until(fmt.Sprintf("location.pathname + location.search === %q", path))
	}

	p.click(".who button")
	p.until("location.pathname === '/login'")
	p.open("/quarantine/" + id)
	p.logIn(keys["admin"])
	p.until("location.pathname.startsWith('/quarantine/')")
	p.click("button[formaction$='discard']")
	p.until("document.querySelector('.done')")
	if state := p.text(".lead .badge"); state != "discarded" {
		t.Errorf("the item is %s", state)
	}
	p.click(".who button")
	p.until("location.pathname === '/login'")
	response, err := http.Get("http://" + up.gateway + "/api/logs")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a key the API answers %s", response.Status)
	}
	audit := up.Output()
	for _, want := range []string{"audit: done", "audit: refused", "my-admin", filepath.Base("/api/quarantine/discard")} {
		if !strings.Contains(audit, want) {
			t.Errorf("its log lacks %q", want)
		}
	}
}
