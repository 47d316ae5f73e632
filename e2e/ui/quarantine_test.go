package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp/kb"
)

func kafkaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_8_0_0
	cfg.Producer.Return.Successes = true
	return cfg
}

// garbage is how many records were written that are no batch.
var garbage int

// setAside writes a record to Kafka that is no batch of logs, and returns the
// number of its item once it is in quarantine.
func setAside(t *testing.T, up *running) string {
	t.Helper()
	producer, err := sarama.NewSyncProducer([]string{up.kafka}, kafkaConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	garbage++
	text := fmt.Sprintf("\x00\xff\x1b[31m<b>no batch</b> %d", garbage)
	partition, offset, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "logs", Value: sarama.StringEncoder(text)})
	if err != nil {
		t.Fatal(err)
	}
	if up != site { // which has no other item, and shows none without a key
		return "1"
	}
	return heldItem(t, fmt.Sprintf("shipper=logs.%d", partition), func(i item) bool { return i.First == offset })
}

// item is an item of the quarantine as the API shows it.
type item struct {
	ID     int64
	State  string
	First  int64
	Replay string
}

func items(query string) []item {
	var page struct{ Items []item }
	if err := getJSON("/api/quarantine?"+query, &page); err != nil {
		return nil
	}
	return page.Items
}

// heldItem waits for an item, and returns its number.
func heldItem(t *testing.T, query string, is func(item) bool) (id string) {
	t.Helper()
	err := await(t.Context(), "an item is in quarantine", func() bool {
		for _, one := range items(query) {
			if is(one) {
				id = strconv.FormatInt(one.ID, 10)
			}
		}
		return id != ""
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func stateOf(id string) string {
	var one item
	if err := getJSON("/api/quarantine/"+id, &one); err != nil {
		return err.Error()
	}
	return one.State
}

// A log that Kafka does not take is found, looked into, and stored by a click
// once Kafka takes it.
func TestAnOversizeLogIsReplayedByClick(t *testing.T) {
	letters := []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
	big := bytes.NewBufferString("the big one ")
	for random := rand.New(rand.NewPCG(1, 2)); big.Len() < 3<<20; {
		big.WriteByte(letters[random.IntN(len(letters))])
	}
	if err := send(t.Context(), logLine{Timestamp: time.Now(), Level: "WARN", Service: "oversize", Message: big.String()}); err != nil {
		t.Fatal(err)
	}
	id := heldItem(t, "reason=too-large&state=held", func(item) bool { return true })
	setAside(t, site)

	p := newTab(t)
	p.open("/quarantine")
	p.shot("quarantine-items")
	p.js(`(document.querySelector("select[name=reason]").value = "too-large", true)`, nil)
	p.click("form.filters button")
	p.query("reason", "too-large")
	if n := p.count("tbody tr"); n != 1 {
		t.Errorf("%d items are too large", n)
	}
	p.click("tbody a[href='/quarantine/" + id + "']")
	p.until("location.pathname === '/quarantine/" + id + "'")
	for _, want := range []string{"held", "too-large", "at the stage ship", "History", "the big one"} {
		if !strings.Contains(p.text("main"), want) {
			t.Errorf("the item's page lacks %q", want)
		}
	}
	p.shot("quarantine-item")

	admin, err := sarama.NewClusterAdmin([]string{site.kafka}, kafkaConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	limit := "8000000"
	if err := admin.AlterConfig(sarama.TopicResource, "logs", map[string]*string{"max.message.bytes": &limit}, false); err != nil {
		t.Fatal(err)
	}
	p.click("form.acts button.main")
	p.until("document.querySelector('.done')")
	if said := p.text(".done"); !strings.Contains(said, "1 of 1 items sent again") {
		t.Errorf("it says %q", said)
	}
	p.until("document.querySelector('.lead .badge').textContent === 'replayed'") // without being asked
	p.shot("quarantine-replayed")
	if n := p.count("form.acts button"); n != 0 {
		t.Errorf("what is replayed has %d things to be done", n)
	}
	p.click("dd a[href^='/batches/']")
	p.until("location.pathname.startsWith('/batches/')")
	if text := p.text("main"); !strings.Contains(text, "stored") || !strings.Contains(text, "Stored") {
		t.Errorf("its batch: %s", text)
	}
	var stats struct{ Count int }
	if err := getJSON("/api/logs/stats?from=-1h&service=oversize", &stats); err != nil || stats.Count != 1 {
		t.Errorf("%d logs, %v", stats.Count, err)
	}
	// A message of three megabytes is a page that can be read.
	p.open("/?service=oversize")
	p.click("#logs summary")
	p.shot("oversize")
	var tooWide bool
	if p.js("document.documentElement.scrollWidth > innerWidth", &tooWide); tooWide {
		t.Error("the page is wider than the screen")
	}
}

// Items are chosen and given up by click; without script, too; and by keys alone.
func TestItemsAreDiscarded(t *testing.T) {
	discard := func(t *testing.T, p *tab, choose func(id string)) {
		id := setAside(t, site)
		p.open("/quarantine?state=held")
		choose(id)
		p.until("document.querySelector('.done')")
		if said := p.text(".done"); !strings.Contains(said, "1 of 1 items given up") {
			t.Errorf("it says %q", said)
		}
		if state := stateOf(id); state != "discarded" {
			t.Errorf("it is %s", state)
		}
		p.open("/quarantine/" + id)
		if text := p.text("main"); !strings.Contains(text, "Its bytes") || strings.Contains(text, "\x1b") || p.count("main b") > p.count(".steps b") {
			t.Errorf("the page of an item that is no batch: %s", text)
		}
	}
	click := func(p *tab) func(string) {
		return func(id string) {
			p.click("input[value='" + id + "']")
			p.click("#items button[formaction$='discard']")
		}
	}
	t.Run("by click", func(t *testing.T) {
		p := newTab(t)
		discard(t, p, click(p))
		p.shot("quarantine-garbage")
	})
	t.Run("without script", func(t *testing.T) {
		p := newTab(t)
		p.do(emulation.SetScriptExecutionDisabled(true))
		discard(t, p, click(p))
	})
	t.Run("by keys", func(t *testing.T) {
		p := newTab(t)
		discard(t, p, func(id string) {
			p.tabTo("#items button[formaction$='discard']")
			p.tabTo("input[value='" + id + "']")
			p.keys(" ")
			p.until("document.getElementById('count').textContent === '1 chosen'")
			for range 50 {
				p.pressWithShift(kb.Tab)
				var there bool
				if p.js("document.activeElement.matches(\"#items button[formaction$='discard']\")", &there); there {
					break
				}
			}
			p.keys(kb.Enter)
		})
	})
	t.Run("nothing chosen", func(t *testing.T) {
		setAside(t, site)
		p := newTab(t)
		p.open("/quarantine")
		p.click("#items button.main")
		p.until("document.querySelector('.done')")
		if said := p.text(".done"); said != "Nothing was chosen." {
			t.Errorf("it says %q", said)
		}
	})
}

// The list follows what becomes of its items, tells of new ones, and takes nothing
// from whoever is choosing.
func TestTheListOfItemsFollowsThem(t *testing.T) {
	chosen, other := setAside(t, site), setAside(t, site)
	p := newTab(t)
	p.open("/quarantine")
	p.click("input[value='" + chosen + "']")
	come := setAside(t, site)
	p.until("document.querySelector('#fresh a')")
	if said := p.text("#fresh"); !strings.HasPrefix(said, "1 more item is in this list now.") {
		t.Errorf("it says %q", said)
	}
	p.shot("quarantine-more")
	response, err := http.Post("http://"+gateway+"/api/quarantine/discard", "application/json", strings.NewReader(`{"ids":[`+other+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	p.until("document.querySelector('tr[data-item=\"" + other + "\"] .badge').textContent === 'discarded'")
	var kept bool
	if p.js("document.activeElement.matches(\"input[value='"+chosen+"']:checked\") && document.getElementById('count').textContent === '1 chosen'", &kept); !kept {
		t.Error("what was chosen, or the focus, is lost")
	}
	p.click("#fresh a")
	p.until("document.querySelector('tr[data-item=\"" + come + "\"]')")
}

// tabTo presses Tab until an element has the focus.
func (p *tab) tabTo(selector string) {
	p.t.Helper()
	quoted, _ := json.Marshal(selector)
	for range 400 {
		p.keys(kb.Tab)
		var there bool
		if p.js(fmt.Sprintf("document.activeElement.matches(%s)", quoted), &there); there {
			return
		}
	}
	p.t.Fatalf("Tab never comes to %s", selector)
}
