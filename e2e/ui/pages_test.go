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

// What the page tells is what the API tells, as it is and as it changes.
func TestPipelineTellsWhatTheAPITells(t *testing.T) {
	type shipper struct {
		Shipper                                             string
		Live                                                bool
		Accepted, Sealed, Shipped, Stored, Pending, Missing int64
	}
	ledger := func() (live shipper) {
		var report struct{ Shippers []shipper }
		if err := getJSON("/api/ledger", &report); err != nil {
			t.Fatal(err)
		}
		for _, s := range report.Shippers {
			if s.Live {
				live = s
			}
		}
		return live
	}
	p := newTab(t)
	p.open("/pipeline")
	told := func(name, id string) int64 {
		t.Helper()
		var n int64
		p.js(fmt.Sprintf("Number(document.querySelector(\"[data-figure='%s %s'] .value\").textContent.replace(/\\D/g, ''))", name, id), &n)
		return n
	}
	check := func(s shipper) {
		t.Helper()
		for name, want := range map[string]int64{"accepted": s.Accepted, "sealed": s.Sealed, "shipped": s.Shipped, "stored": s.Stored, "pending": s.Pending} {
			if got := told(name, s.Shipper); got != want {
				t.Errorf("%s: the page tells %d, the API %d", name, got, want)
			}
		}
	}
	before := ledger()
	check(before)
	for range 3 {
		if err := send(t.Context(), logLine{Level: "INFO", Service: "figures", Message: "x"}, logLine{Level: "INFO", Service: "figures", Message: "y"}); err != nil {
			t.Fatal(err)
		}
	}
	var after shipper
	if err := await(t.Context(), "the API tells of them", func() bool { after = ledger(); return after.Stored == before.Stored+6 && after.Pending == 0 }); err != nil {
		t.Fatal(err)
	}
	if err := await(t.Context(), "the page tells of them", func() bool { return told("stored", after.Shipper) == after.Stored }); err != nil {
		t.Fatal(err)
	}
	check(after)
	for label, want := range map[string]string{"breaker": "closed", "Kafka lag": "0 batches", "buffer": "0 logs", "dropped": "0"} {
		var got string
		p.js(fmt.Sprintf("[...document.querySelectorAll('.figure')].find(f => f.querySelector('dt').textContent === %q)?.querySelector('.value').textContent", label), &got)
		if got != want {
			t.Errorf("%s: %q, want %q", label, got, want)
		}
	}

	type batch struct {
		ID, State, Topic  string
		Count             int
		Partition, Offset int
	}
	var list struct{ Batches []batch }
	if err := getJSON("/api/batches?limit=25", &list); err != nil {
		t.Fatal(err)
	}
	p.open("/pipeline")
	var rows []string
	p.js("[...document.querySelectorAll('#batches + .scroll tbody tr')].map(r => [...r.children].slice(0, 3).map(c => c.textContent.trim()).join(' '))", &rows)
	if len(rows) != len(list.Batches) {
		t.Fatalf("%d batches on the page, %d in the API", len(rows), len(list.Batches))
	}
	for i, b := range list.Batches {
		if want := fmt.Sprintf("%s %s %d", b.ID, b.State, b.Count); rows[i] != want {
			t.Errorf("row %d is %q, want %q", i, rows[i], want)
		}
	}
	b := list.Batches[0]
	p.open("/batches/" + b.ID)
	for _, want := range []string{b.State, fmt.Sprintf("%s, partition %d, offset %d", b.Topic, b.Partition, b.Offset)} {
		if !strings.Contains(p.text("main"), want) {
			t.Errorf("the batch's page lacks %q", want)
		}
	}
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
					p.shot(name + "-" + variant(dark, phone))
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

// variant names how a page is looked at.
func variant(dark, phone bool) string {
	return map[bool]string{false: "light", true: "dark"}[dark] + "-" + map[bool]string{false: "large", true: "phone"}[phone]
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
