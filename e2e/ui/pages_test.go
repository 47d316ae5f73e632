package ui

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func TestPipeline(t *testing.T) {
	p := newTab(t)
	p.open("/pipeline")
	for _, want := range []string{"Shipper", "Consumer", "breaker", "closed", "journal", "Kafka lag", "whole, no log is missing"} {
		if !strings.Contains(p.text("main"), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	before := p.text("[data-figure^='accepted']")
	if err := send(t.Context(), logLine{Level: "INFO", Service: "figures", Message: "one more"}); err != nil {
		t.Fatal(err)
	}
	p.until(fmt.Sprintf("document.querySelector(\"[data-figure^='accepted']\").innerText !== %q", before))
	p.shot("pipeline")
	p.click("tbody a[href^='/batches/']")
	p.until("location.pathname.startsWith('/batches/')")
	for _, want := range []string{"Sealed", "Shipped", "Stored", "partition"} {
		if !strings.Contains(p.text("main"), want) {
			t.Errorf("a batch's page lacks %q", want)
		}
	}
	p.shot("batch")
}

// Every page, in light and dark, large and small: nothing that axe finds fault
// with, and nothing wider than the screen.
func TestEveryPageIsForEverybody(t *testing.T) {
	var batches struct{ Batches []struct{ ID string } }
	if err := getJSON("/api/batches?limit=1", &batches); err != nil || len(batches.Batches) == 0 {
		t.Fatal(err)
	}
	var logs struct{ Logs []struct{ ID string } }
	if err := getJSON("/api/logs?service=hostile&limit=1", &logs); err != nil || len(logs.Logs) == 0 {
		t.Fatal(err)
	}
	pages := map[string]string{
		"search": "/?from=-1h&level!=DEBUG", "hostile": "/?service=hostile", "empty": "/?service=nobody", "around": "/logs/" + logs.Logs[0].ID,
		"pipeline": "/pipeline", "batch": "/batches/" + batches.Batches[0].ID, "quarantine": "/quarantine", "login": "/login",
	}
	for name, path := range pages {
		for _, dark := range []bool{false, true} {
			for _, phone := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/dark=%t/phone=%t", name, dark, phone), func(t *testing.T) {
					p := newTab(t)
					p.look(dark, phone)
					p.do(page.SetBypassCSP(true)) // axe is no script of the page
					p.open(path)
					p.js("(document.querySelector('#logs summary')?.click(), document.getElementById('syntax')?.querySelector('summary').click(), true)", nil)
					p.shot(fmt.Sprintf("%s-%s-%s", name, map[bool]string{false: "light", true: "dark"}[dark], map[bool]string{false: "large", true: "phone"}[phone]))
					p.examine()
					var tooWide bool
					p.js("document.documentElement.scrollWidth > innerWidth", &tooWide)
					if tooWide {
						t.Error("the page is wider than the screen")
					}
				})
			}
		}
	}
}

// examine lets axe look at the page.
func (p *tab) examine() {
	p.t.Helper()
	var found string
	p.do(chromedp.Evaluate(axe+";true", nil))
	p.do(chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map(n => n.target.join(" ") + ": " + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? ""))}))))`,
		&found, chromedp.EvalAsValue, awaitPromise))
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range violations {
		p.t.Errorf("axe: %s (%s)\n  %s", v.Help, v.ID, strings.Join(v.Nodes, "\n  "))
	}
}
