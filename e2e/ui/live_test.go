package ui

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestLiveLogs(t *testing.T) {
	p := newTab(t)
	p.open("/?service=live")
	p.keys("l")
	p.until("document.getElementById('news').textContent.startsWith('Live')")
	p.query("live", "1")
	come := func(n int) {
		t.Helper()
		if err := send(t.Context(), logLine{Timestamp: time.Now(), Level: "WARN", Service: "live", Message: fmt.Sprintf("live %d <b>\x1b[32mgreen", n)},
			logLine{Timestamp: time.Now(), Level: "WARN", Service: "other", Message: "not this"}); err != nil {
			t.Fatal(err)
		}
	}
	come(1)
	p.until("document.querySelector('#logs .log .message')?.textContent.startsWith('live 1 <b>')")
	if p.count("#logs .ansi-green") != 1 || p.count("#logs b") != 0 {
		t.Error("a log that came is not shown as the others")
	}
	p.keys("p")
	p.until("document.getElementById('pause').getAttribute('aria-pressed') === 'true'")
	come(2)
	p.until("document.getElementById('news').textContent.includes('1 log waits')")
	p.shot("live-paused")
	if n := p.count("#logs .log"); n != 1 {
		t.Errorf("%d logs while it pauses", n)
	}
	p.keys("p")
	p.until("document.querySelectorAll('#logs .log').length === 2")
	p.keys("l")
	p.until("!new URLSearchParams(location.search).has('live')")

	// A log that came has an id by which it is found once it is stored.
	var stats struct{ Count int }
	if err := await(t.Context(), "what came is stored", func() bool {
		return getJSON("/api/logs/stats?from=-1h&service=live", &stats) == nil && stats.Count == 2
	}); err != nil {
		t.Fatal(err)
	}
	p.click("#logs .log:nth-child(2) summary")
	p.click("#logs .log:nth-child(2) a.around.button")
	p.until("location.pathname.startsWith('/logs/')")
	if p.count(".log.chosen") != 1 || !strings.Contains(p.text(".log.chosen"), "live 1") || p.count("#logs .log") != 2 {
		t.Errorf("around what came there are %d logs, %d chosen", p.count("#logs .log"), p.count(".log.chosen"))
	}
	// Of one that is not stored the page says so, and looks again.
	p.expected = []string{"status of 404"}
	p.open("/logs/nobody-1.0")
	if said := p.text("main"); !strings.Contains(said, "It is not stored yet") || !strings.Contains(said, "Look again") {
		t.Errorf("it says %q", said)
	}
	p.shot("around-not-stored")
}

// between sends logs of a service of its own, each in a request, numbered on.
type between struct {
	t       *testing.T
	service string
	sent    int
}

func newBetween(t *testing.T) *between {
	t.Helper()
	return &between{t: t, service: "between-" + strconv.FormatInt(time.Now().UnixNano(), 36)}
}

func (b *between) send(n int) {
	b.t.Helper()
	for range n {
		b.sent++
		if err := send(b.t.Context(), logLine{Timestamp: time.Now(), Level: "INFO", Service: b.service, Message: fmt.Sprintf("between %d", b.sent)}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// stored waits until all that was sent is found.
func (b *between) stored() {
	b.t.Helper()
	var stats struct{ Count int }
	if err := await(b.t.Context(), "they are stored", func() bool {
		return getJSON("/api/logs/stats?from=-1h&service="+b.service, &stats) == nil && stats.Count == b.sent
	}); err != nil {
		b.t.Fatal(err)
	}
}

// shownOnce waits until the page shows all that was sent, and one more that comes
// when all of that is stored, and each once.
func (b *between) shownOnce(p *tab) {
	b.t.Helper()
	p.until(fmt.Sprintf("new Set([...document.querySelectorAll('#logs .log .message')].map(m => m.textContent)).size >= %d", b.sent))
	b.stored()
	b.send(1)
	p.until(fmt.Sprintf("[...document.querySelectorAll('#logs .log .message')].some(m => m.textContent === 'between %d')", b.sent))
	var shown []string
	p.js("[...document.querySelectorAll('#logs .log .message')].map(m => m.textContent)", &shown)
	times := map[string]int{}
	for _, message := range shown {
		times[message]++
	}
	if len(shown) != b.sent || len(times) != b.sent {
		b.t.Errorf("%d logs are shown, %d different ones, of %d: %v", len(shown), len(times), b.sent, times)
	}
}

// Live logs go on from the page, which is loaded anew: what was sent since it was
// opened is there or comes, and nothing comes twice.
func TestLiveLogsGoOnFromThePage(t *testing.T) {
	p, logs := newTab(t), newBetween(t)
	p.open("/?service=" + logs.service)
	logs.send(20) // while the page shows none of them
	p.click("#live")
	p.until("document.getElementById('news')?.textContent.startsWith('Live')")
	logs.send(10)
	logs.shownOnce(p)
}

// What is stored after the page was made and before its stream begins is shown,
// however long that takes.
func TestLiveLogsHaveWhatWasStoredBeforeTheirStream(t *testing.T) {
	p, logs := newTab(t), newBetween(t)
	p.open("/?service=" + logs.service)
	logs.send(3)
	logs.stored()
	held := p.hold("*/ui/tail*")
	p.click("#live")
	opens := held()
	p.until("document.querySelectorAll('#logs .log').length === 3")
	logs.send(5)
	logs.stored()
	if n := p.count("#logs .log"); n != 3 {
		t.Errorf("%d logs are shown before the stream begins", n)
	}
	opens()
	logs.shownOnce(p)
}
