package ui

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

func TestOneTypesWhatOneLooksFor(t *testing.T) {
	p := newTab(t)
	p.open("/")
	p.keys("/")
	p.until("document.activeElement.id === 'find'")
	p.js("document.getElementById('find').value = ''", nil) // a driver writes the letter although the page took the key
	p.keys(`service:checkout -level:debug "order" attr.http.status=200` + kb.Enter)
	p.query("service", "checkout")
	p.query("level!", "debug")
	p.query("attr.http.status", "200")
	if n := p.count(".chip"); n != 4 {
		t.Errorf("%d chips", n)
	}
	var services []string
	p.js("[...new Set([...document.querySelectorAll('#logs .service')].map(e => e.textContent))]", &services)
	if len(services) != 1 || services[0] != "checkout" {
		t.Errorf("it shows %v", services)
	}
	p.shot("search-filters")
	// A chip turns around, and goes.
	p.click(".chip .flip")
	p.until("document.querySelectorAll('.chip').length === 4")
	p.click("#find")
	p.keys(kb.Backspace)
	p.until("document.querySelectorAll('.chip').length === 3")
	// Back and forth.
	p.js("history.back()", nil) // a page that comes from the browser's memory loads nothing for the driver to wait for
	p.until("document.querySelectorAll('.chip').length === 4")
}

func TestARegularExpressionAndItsMistake(t *testing.T) {
	p := newTab(t)
	p.expected = []string{"status of 400"}
	p.open("/")
	p.click("#find")
	p.keys("/order 7 .*ms$/" + kb.Enter)
	p.query("regex", "order 7 .*ms$")
	p.click("#find")
	p.keys("/a(b/" + kb.Enter)
	p.until("document.querySelector('.trouble')")
	if said := p.text(".trouble"); !strings.Contains(said, "regex") {
		t.Errorf("it says %q", said)
	}
	p.shot("search-trouble")
	// It stands in the box again, to be mended.
	p.js("(e => (e.setSelectionRange(4, 4), e.focus(), true))(document.getElementById('find'))", nil)
	p.keys(")" + kb.Enter)
	p.query("regex", "a(b)")
	if n := p.count(".chip"); n != 2 || p.count(".trouble") > 0 {
		t.Errorf("%d chips", n)
	}
}

func TestOneDragsATime(t *testing.T) {
	p := newTab(t)
	p.open("/?from=-1h")
	p.drag("#histogram svg", 0.6, 0.9)
	p.until("new URLSearchParams(location.search).get('to')")
	var span float64
	p.js("(q => (Date.parse(q.get('to')) - Date.parse(q.get('from'))) / 60000)(new URLSearchParams(location.search))", &span)
	if span < 15 || span > 22 {
		t.Errorf("30 percent of an hour is %v minutes", span)
	}
	if p.count("#logs .log") == 0 {
		t.Error("there are no logs in it")
	}
}

func TestKeysChooseATime(t *testing.T) {
	p := newTab(t)
	p.open("/?from=-1h")
	p.keys("h")
	p.until("document.activeElement.id === 'histogram'")
	p.keys(kb.End)
	for range 5 {
		p.pressWithShift(kb.ArrowLeft)
	}
	p.until("document.getElementById('plotted').textContent.includes('logs')")
	p.shot("histogram-keys")
	p.keys(kb.Enter)
	p.until("new URLSearchParams(location.search).get('to')")
}

func TestRangesOfTime(t *testing.T) {
	p := newTab(t)
	p.open("/?service=cart")
	p.click("details.range > summary")
	p.shot("range")
	p.click("a[href*='from=-24h']")
	p.query("from", "-24h")
	p.query("service", "cart")
	p.click("details.range > summary")
	p.js(`(document.querySelector("input[name=start]").value = "2026-01-02T03:04:05", document.querySelector("input[name=end]").value = "2026-01-02T04:00:00", true)`, nil)
	p.click("details.range form button")
	p.query("from", "2026-01-02T03:04:05Z")
	if said := p.text("#empty"); !strings.Contains(said, "No logs match") {
		t.Errorf("it says %q", said)
	}
	p.shot("search-empty")
}

func TestALogUnfoldsAndItsFieldsFilter(t *testing.T) {
	p := newTab(t)
	p.open("/?service=checkout")
	p.click("#logs .log:nth-child(2) summary")
	p.until("document.querySelector('#logs .log:nth-child(2) details').open")
	p.shot("search-unfolded")
	p.click("#logs .log:nth-child(2) .in[href*='attr.user.id']")
	p.until("[...document.querySelectorAll('.chip')].some(c => c.textContent.includes('attr.user.id'))")
	p.click("#logs .log summary")
	p.click("#logs .log .out[href*='host']")
	p.until("document.querySelector('.chip.not')")
	if text := p.text(".chip.not"); !strings.Contains(text, "host") {
		t.Errorf("the filter is %q", text)
	}
}

func TestFacets(t *testing.T) {
	p := newTab(t)
	p.open("/")
	p.click("aside a.value[href*='service=payments']")
	p.query("service", "payments")
	p.click("aside a.out[href*='level%21=INFO']")
	p.query("level!", "INFO")
}

func TestKeysMoveThroughTheLogs(t *testing.T) {
	p := newTab(t)
	p.open("/?service=checkout")
	p.keys("j")
	p.keys("j")
	p.keys(kb.ArrowDown)
	p.until("document.activeElement.closest('.log') === document.querySelector('#logs .log:nth-child(3)')")
	if n := p.count("#logs summary[tabindex='0']"); n != 1 {
		t.Errorf("Tab comes to %d logs", n)
	}
	p.keys(kb.Enter)
	p.until("document.querySelector('#logs .log:nth-child(3) details').open")
	p.keys("?")
	p.until("document.getElementById('help').open")
	p.shot("keys")
	p.keys(kb.Escape)
	p.until("!document.getElementById('help').open")
	p.keys("k")
	p.keys("c")
	p.until("location.pathname.startsWith('/logs/')")
	if p.count(".log.chosen") != 1 || p.count("#logs .log") < 2 {
		t.Errorf("%d logs around, %d chosen", p.count("#logs .log"), p.count(".log.chosen"))
	}
	p.shot("around")
	p.click("a.button[href*='around=50']")
	p.until("document.querySelectorAll('#logs .log').length > 12")
}

func TestMoreLogs(t *testing.T) {
	p := newTab(t)
	p.open("/?service=checkout&service=cart")
	first := p.count("#logs .log")
	p.click("#more")
	p.until(fmt.Sprintf("document.querySelectorAll('#logs .log').length > %d", first))
	var ids, different int
	p.js("document.querySelectorAll('#logs .log').length", &ids)
	p.js("new Set([...document.querySelectorAll('#logs .log')].map(e => e.dataset.id)).size", &different)
	if ids != different {
		t.Errorf("of %d logs %d are different", ids, different)
	}
	// A log that script made unfolds, too, and filters.
	p.js(fmt.Sprintf("document.querySelectorAll('#logs .log')[%d].querySelector('summary').click()", first+1), nil)
	p.js(fmt.Sprintf("document.querySelectorAll('#logs .log')[%d].querySelector('.in[href*=host]').click()", first+1), nil)
	p.until("new URLSearchParams(location.search).has('host')")
}

func TestHostileLogsStayText(t *testing.T) {
	p := newTab(t)
	p.open("/?service=hostile")
	p.click("#logs .log summary")
	if title := p.text("title"); strings.Contains(title, "owned") {
		t.Fatalf("the title is %q", title)
	}
	for selector, want := range map[string]int{
		"#logs script, #logs img, #logs b, #logs i": 0, "#logs a[href^='http'], #logs a[href^='javascript']": 0, "#logs .message .ansi-red.ansi-bold": 1,
	} {
		if n := p.count(selector); n != want {
			t.Errorf("%d of %s, want %d", n, selector, want)
		}
	}
	var all string
	p.js("document.getElementById('logs').textContent", &all)
	for _, never := range []string{"\x1b", "\u202e", "\a"} {
		if strings.Contains(all, never) {
			t.Errorf("%q comes through", never)
		}
	}
	if n := p.count(".cut:not([hidden])"); n != 1 {
		t.Errorf("%d messages are cut", n)
	}
	p.shot("hostile")
}

func TestExports(t *testing.T) {
	p := newTab(t)
	p.open("/?service=hostile")
	p.click("details.export > summary")
	p.shot("export")
	var links []string
	p.js("[...document.querySelectorAll('details.export a')].map(a => a.href)", &links)
	if len(links) != 3 {
		t.Fatalf("%q", links)
	}
	for _, link := range links {
		response, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "Main.java") {
			t.Errorf("%s: %s, %v", link, response.Status, err)
		}
	}
}
