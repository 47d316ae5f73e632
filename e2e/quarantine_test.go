package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"
)

// item is an item of the quarantine as the gateway tells of it.
type item struct {
	ID        int64             `json:"id"`
	State     string            `json:"state"`
	Stage     string            `json:"stage"`
	Reason    string            `json:"reason"`
	Shipper   string            `json:"shipper"`
	First     uint64            `json:"first"`
	Tries     int               `json:"tries"`
	Batch     string            `json:"batch"`
	Replay    string            `json:"replay"`
	Logs      []json.RawMessage `json:"logs"`
	LogsTotal int               `json:"logs_total"`
	Payload   []byte            `json:"payload"`
	History   []struct {
		What string `json:"what"`
	} `json:"history"`
}

// items lists the quarantine.
func (p *pipeline) items(query string) []item {
	p.t.Helper()
	var page struct{ Items []item }
	p.json("/api/quarantine?limit=1000&"+query, &page)
	return page.Items
}

func (p *pipeline) item(id int64) (found item) {
	p.t.Helper()
	p.json(fmt.Sprintf("/api/quarantine/%d", id), &found)
	return found
}

func (p *pipeline) json(path string, into any) {
	p.t.Helper()
	got := p.get("gateway", path)
	if err := json.Unmarshal([]byte(got.body), into); err != nil || got.status != http.StatusOK {
		p.t.Fatalf("%s: %d %.500s, %v", path, got.status, got.body, err)
	}
}

// order replays or discards over HTTP.
func (p *pipeline) order(what, body string) answer {
	response, err := http.Post("http://"+p.addr["gateway"]+"/api/quarantine/"+what, "application/json", strings.NewReader(body))
	return p.read(response, err)
}

// poison runs millrace poison and returns its exit code and what it says.
func (p *pipeline) poison(args ...string) (code int, says string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), binary, append([]string{"poison"}, args...)...)
	cmd.Env = slices.Concat(os.Environ(), p.env)
	output, _ := cmd.CombinedOutput() // what went wrong shows in the exit code
	return cmd.ProcessState.ExitCode(), string(output)
}

// shipper returns the shipper of this test's logs.
func (p *pipeline) shipper() (name string) {
	p.t.Helper()
	p.query("SELECT l.shipper FROM logs JOIN ledger l ON number = id >> 24 WHERE service = $1 LIMIT 1", []any{p.service}, &name)
	return name
}

// balanced fails unless the ledger accounts for every log of a shipper.
func (p *pipeline) balanced(shipper string, stored, quarantined, replayed, discarded int) {
	p.t.Helper()
	var report struct {
		Whole    bool
		Shippers []struct{ Accepted, Stored, Quarantined, Replayed, Discarded, Pending int }
	}
	p.json("/api/ledger?settle=0s&shipper="+shipper, &report)
	if s := report.Shippers[0]; !report.Whole || s.Stored != stored || s.Quarantined != quarantined || s.Replayed != replayed || s.Discarded != discarded ||
		s.Accepted != stored+quarantined+replayed+discarded || s.Pending != 0 {
		p.t.Errorf("the ledger says %+v", report)
	}
	if code, says := p.verify("--shipper", shipper, "--settle", "0s"); code != 0 {
		p.t.Errorf("verify ends with %d: %s", code, says)
	}
}

// recordLimit sets the largest record that Kafka takes on the topic logs.
func recordLimit(t *testing.T, limit string) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_8_0_0
	admin, err := sarama.NewClusterAdmin(kafka.Brokers, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.AlterConfig(sarama.TopicResource, "logs", map[string]*string{"max.message.bytes": &limit}, false); err != nil {
		t.Fatal(err)
	}
}

// noise is text that does not get smaller than three quarters.
func noise(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, n)
	for i := range text {
		text[i] = letters[random.IntN(len(letters))]
	}
	return string(text)
}

// One log that Kafka does not take: its neighbours are stored, it is found with
// its reason, it comes back when it is replayed in vain, and is stored once when
// Kafka takes it, however often that is asked.
func TestAnOversizeLogIsFoundAndReplayed(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.start("gateway")
	big := "the big one " + noise(3<<20)
	body := p.lines(0, 60) + fmt.Sprintf(`{"service":%q,"message":%q}`+"\n", p.service, big) + p.lines(60, 39)
	if got := p.post("application/x-ndjson", body); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	p.expectStored(99)
	shipper := p.shipper()
	var found []item
	eventually(t, "the log is in quarantine", func() bool { found = p.items("shipper=" + shipper); return len(found) == 1 })
	big0 := found[0]
	if big0.State != "held" || big0.Stage != "ship" || big0.Reason != "too-large" || big0.First != 61 || big0.Tries != 1 {
		t.Errorf("%+v", big0)
	}
	if shown := p.item(big0.ID); shown.LogsTotal != 1 || !bytes.Contains(shown.Logs[0], []byte("the big one")) {
		t.Errorf("%d logs", shown.LogsTotal)
	}
	p.balanced(shipper, 99, 1, 0, 0)

	id := fmt.Sprint(big0.ID)
	if code, says := p.poison("ls", "--shipper", shipper); code != 0 || !strings.Contains(says, "too-large") || !strings.Contains(says, id) {
		t.Errorf("%d, %s", code, says)
	}
	if code, says := p.poison("replay", id); code != 0 || says != id+": replaying\n" {
		t.Errorf("%d, %s", code, says)
	}
	eventually(t, "it comes back", func() bool { i := p.item(big0.ID); return i.State == "held" && i.Tries == 2 })
	if i := p.item(big0.ID); i.Stage != "replay" || i.Reason != "too-large" || len(i.History) != 3 || i.History[2].What != "returned" {
		t.Errorf("%+v", i.History)
	}
	p.balanced(shipper, 99, 1, 0, 0)

	recordLimit(t, "8000000")
	defer recordLimit(t, "1048588")
	var clicks sync.WaitGroup
	for range 5 {
		clicks.Go(func() {
			if got := p.order("replay", `{"ids":[`+id+`]}`); got.status != http.StatusOK {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	clicks.Wait()
	p.expectStored(100)
	after := p.item(big0.ID)
	var message string
	p.query("SELECT message FROM logs WHERE service = $1 AND message LIKE 'the big one%'", []any{p.service}, &message)
	if after.State != "replayed" || message != big {
		t.Errorf("%s, %d bytes", after.State, len(message))
	}
	var life struct {
		State   string
		Replays int64
	}
	if p.json("/api/batches/"+after.Replay, &life); life.State != "stored" || life.Replays != big0.ID {
		t.Errorf("%+v", life)
	}
	p.balanced(shipper, 99, 0, 1, 0)
	if code, says := p.verify("--settle", "0s", "--shipper", strings.TrimSuffix(after.Replay, "-1")); code != 0 {
		t.Errorf("verify ends with %d: %s", code, says)
	}
}

// Bytes that are no batch are shown as they are, refuse to be replayed, and can
// be discarded.
func TestWhatIsNoBatchIsDiscarded(t *testing.T) {
	p := newPipeline(t)
	p.start("consumer")
	p.start("gateway")
	garbage := "\x00\xff\x1b[31mno batch, says " + p.service
	produce(t, &sarama.ProducerMessage{Topic: "logs", Value: sarama.StringEncoder(garbage), Headers: []sarama.RecordHeader{{Key: []byte("\x00"), Value: []byte("\xff")}}})
	var found item
	eventually(t, "it is in quarantine", func() bool {
		for _, i := range p.items("stage=store&reason=invalid&state=held") {
			if found = p.item(i.ID); string(found.Payload) == garbage {
				return true
			}
		}
		return false
	})
	id := fmt.Sprint(found.ID)
	if code, says := p.poison("show", id); code != 0 || strings.Contains(says, "\x1b") || !strings.Contains(says, "no batch of logs") {
		t.Errorf("%d, %q", code, says)
	}
	if code, says := p.poison("replay", id); code != 1 || !strings.Contains(says, "is no batch") {
		t.Errorf("%d, %s", code, says)
	}
	if code, says := p.poison("discard", id); code != 0 || says != id+": discarded\n" {
		t.Errorf("%d, %s", code, says)
	}
	var report struct {
		Shippers []struct{ Discarded int }
	}
	if p.json("/api/ledger?shipper="+found.Shipper, &report); len(report.Shippers) != 1 || report.Shippers[0].Discarded < 1 {
		t.Errorf("%s: %+v", found.Shipper, report)
	}
	if code, says := p.verify("--settle", "0s", "--shipper", found.Shipper); code != 0 {
		t.Errorf("verify ends with %d: %s", code, says)
	}
}

// A log that PostgreSQL refuses for good is quarantined alone, and stored when it
// is allowed after all.
func TestALogThatPostgreSQLRefusesStopsNoOther(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.start("gateway")
	p.exec("ALTER TABLE logs ADD CONSTRAINT own CHECK (attributes->>'n' <> '41' OR service <> '" + p.service + "')")
	p.send(0, 100)
	// It is stored with nothing but its attributes in armour: the constraint does
	// not look into those.
	p.expectStored(100)
	p.exec("ALTER TABLE logs ADD CONSTRAINT other CHECK (level < 6 OR service <> '" + p.service + "')")
	fatal := fmt.Sprintf(`{"service":%q,"message":"log 150","level":"FATAL"}`+"\n", p.service)
	if got := p.post("application/x-ndjson", p.lines(100, 50)+fatal+p.lines(151, 49)); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	p.expectStored(199)
	shipper := p.shipper()
	found := p.items("shipper=" + shipper)
	if len(found) != 1 || found[0].First != 151 || found[0].Batch == "" || found[0].Reason != "invalid" {
		t.Fatalf("%+v", found)
	}
	p.balanced(shipper, 199, 1, 0, 0)
	id := fmt.Sprint(found[0].ID)
	if got := p.order("replay", `{"filter":{"shipper":"`+shipper+`"}}`); got.status != http.StatusOK || !strings.Contains(got.body, `"replaying"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	eventually(t, "it comes back", func() bool { i := p.item(found[0].ID); return i.State == "held" && i.Tries == 2 })
	p.exec("ALTER TABLE logs DROP CONSTRAINT other")
	if code, says := p.poison("replay", id); code != 0 {
		t.Errorf("%d, %s", code, says)
	}
	p.expectStored(200)
	p.balanced(shipper, 199, 0, 1, 0)
}
