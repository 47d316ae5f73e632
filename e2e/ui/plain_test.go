package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp/kb"
)

// Without script there is searching, paging, unfolding and filtering.
func TestWithoutScript(t *testing.T) {
	p := newTab(t)
	p.do(emulation.SetScriptExecutionDisabled(true))
	p.open("/")
	p.click("#find")
	p.keys(`-service:hostile "order"` + kb.Enter)
	p.query("service!", "hostile")
	p.query("text", "order")
	for _, script := range []string{"#live", "#pause", "#share", "#keys", "button.copy"} {
		if p.count(script) == 0 || p.count(script+":not([hidden])") > 0 {
			t.Errorf("%s is shown, and does nothing", script)
		}
	}
	p.shot("without-script")
	first := p.text("#logs .log .message")
	p.click("a[rel=next]")
	p.until("new URLSearchParams(location.search).has('cursor')")
	if p.text("#logs .log .message") == first {
		t.Error("the next page is the first")
	}
	p.click("a[rel=prev]")
	p.until(fmt.Sprintf("document.querySelector('#logs .log .message')?.innerText === %q", first))
	p.click("#logs .log summary")
	p.until("document.querySelector('#logs .log details').open")
	p.click("#logs .log .in[href*='host=']")
	p.until("new URLSearchParams(location.search).has('host')")
	p.click("details.range > summary")
	p.click("a[href*='from=-24h']")
	p.query("from", "-24h")
	p.click("details.table > summary")
	p.click("details.table td a")
	p.until("new URLSearchParams(location.search).has('to')")
}

// Whoever has a keyboard alone comes everywhere.
func TestByKeysAlone(t *testing.T) {
	p := newTab(t)
	p.open("/")
	p.keys(kb.Tab)
	if said := p.text(":focus"); said != "Skip to the content" {
		t.Errorf("Tab comes first to %q", said)
	}
	p.keys(kb.Enter)
	p.until("document.activeElement.id === 'main'")
	p.tabTo("#find")
	p.keys("order -service:hostile" + kb.Enter)
	p.query("service!", "hostile")
	p.tabTo("details.range > summary")
	p.keys(kb.Enter)
	p.until("document.querySelector('details.range').open")
	p.tabTo("a[href*='from=-6h']")
	p.shot("keys-range")
	p.keys(kb.Enter)
	p.query("from", "-6h")
	p.tabTo("#logs summary")
	p.keys(kb.Enter)
	p.until("document.querySelector('#logs details').open")
	p.tabTo("#logs .out[href*='host%21=']")
	p.shot("keys-field")
	p.keys(kb.Enter)
	p.until("document.querySelectorAll('.chip').length === 3")
	p.tabTo(".chip .drop[aria-label*='filter host']")
	p.keys(kb.Enter)
	p.until("document.querySelectorAll('.chip').length === 2")
	p.tabTo("details.export > summary")
	p.keys(kb.Enter)
	p.until("document.querySelector('details.export').open")
	p.keys(kb.Escape)
	p.until("!document.querySelector('details.export').open")
	p.tabTo("#more")
	before := p.count("#logs .log")
	p.keys(kb.Enter)
	p.until("document.querySelectorAll('#logs .log').length > 100 || document.activeElement.matches('summary')")
	if after := p.count("#logs .log"); after < before {
		t.Errorf("%d logs, and then %d", before, after)
	}
	for _, page := range []string{"Pipeline", "Quarantine", "Search"} {
		p.tabTo("nav a[href='" + map[string]string{"Pipeline": "/pipeline", "Quarantine": "/quarantine", "Search": "/"}[page] + "']")
		p.keys(kb.Enter)
		p.until("document.querySelector('nav [aria-current]')?.textContent === '" + page + "'")
	}
}

// A log of many attributes shows as many as one can read, and says so.
func TestALogOfManyAttributes(t *testing.T) {
	attributes := map[string]any{"empty": "", "deep": map[string]any{"a": map[string]any{"b": []int{1, 2, 3}}}, "long": strings.Repeat("x", 5000)}
	for i := range 250 {
		attributes["attribute.with.a.rather.long.name."+string(rune('a'+i%26))+strings.Repeat("y", i/26)] = i
	}
	if err := send(t.Context(), logLine{Level: "INFO", Service: "wide", Host: strings.Repeat("host-", 30), Message: "many", Attributes: attributes}); err != nil {
		t.Fatal(err)
	}
	p := newTab(t)
	err := await(t.Context(), "the log is found", func() bool {
		var stats struct{ Count int }
		return getJSON("/api/logs/stats?from=-1h&service=wide", &stats) == nil && stats.Count == 1
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, phone := range []bool{false, true} {
		p.look(false, phone)
		p.open("/?service=wide")
		p.click("#logs summary")
		p.until("document.querySelector('#logs details').open")
		if text := p.text("#logs .body"); !strings.Contains(text, "more fields") {
			t.Error("it does not say that there are more")
		}
		p.shot("wide-" + variant(false, phone))
		var tooWide bool
		if p.js("document.documentElement.scrollWidth > innerWidth", &tooWide); tooWide {
			t.Errorf("the page is wider than the screen, phone=%t", phone)
		}
	}
}
