package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// schemathesis asks a role for all that its OpenAPI document allows, and for much
// that it does not, and fails the test when an answer is a fault of the server, or
// not one of those that the document has. The key is for the document; what is
// asked has none, unless args say so.
func (p *pipeline) schemathesis(role, key string, args ...string) {
	p.t.Helper()
	program := os.Getenv("SCHEMATHESIS")
	if program == "" {
		program, _ = filepath.Abs(filepath.Join("..", ".cache", "schemathesis", "bin", "schemathesis"))
	}
	if _, err := os.Stat(program); err != nil {
		p.t.Fatalf("there is no schemathesis: run ./task schemathesis, which fetches it, or name it in SCHEMATHESIS: %v", err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	defer cancel()
	server := "http://" + p.addr[role]
	dir := p.t.TempDir() // where it also leaves its caches
	document := filepath.Join(dir, "openapi.yaml")
	if err := os.WriteFile(document, p.fetch(server+"/openapi.yaml", key), 0o644); err != nil {
		p.t.Fatal(err)
	}
	// What is wrong may also be too long for anyone to read it.
	settings := "[checks.negative_data_rejection]\nexpected-statuses = [\"4xx\", \"5xx\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "schemathesis.toml"), []byte(settings), 0o644); err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, append([]string{
		"run", document, "--url", server, "--no-color", "--seed", "1", "--generation-database", "none",
		"--continue-on-failure", "--no-shrink", "--warnings", "off", "--suppress-health-check", "all", "--request-timeout", "30",
		"--checks", "not_a_server_error,status_code_conformance,negative_data_rejection,content_type_conformance,response_headers_conformance,response_schema_conformance",
	}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	report := string(out)
	p.t.Log(report[max(0, strings.LastIndex(report, "API Operations:")):])
}

// fetch returns what is at a URL, which the key is good for.
func (p *pipeline) fetch(url, key string) []byte {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	got := p.read(response, err)
	if got.status != http.StatusOK {
		p.t.Fatalf("%s: %d %s", url, got.status, got.body)
	}
	return []byte(got.body)
}

// odd writes what is no batch to the topic of logs; it goes to the quarantine.
func (p *pipeline) odd() {
	p.t.Helper()
	cfg := sarama.NewConfig()
	cfg.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(kafka.Brokers, cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	defer producer.Close()
	if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "logs", Value: sarama.StringEncoder("this is no batch")}); err != nil {
		p.t.Fatal(err)
	}
}

func TestTheGatewayAnswersAsItsDocumentSays(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.start("gateway", "MILLRACE_GATEWAY_SHIPPERS=http://"+p.addr["shipper"])
	p.send(0, 500)
	if got := p.post("application/x-ndjson", fmt.Sprintf(`{"service":%q,"host":"web-1","level":"ERROR","message":"caf\u00e9 \u0000 \u202e","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","attributes":{"http":{"status":500},"a.b":[1,null]}}`+"\n", p.service)); got.status != http.StatusAccepted {
		t.Fatal(got.body)
	}
	p.expectStored(501)
	p.odd()
	eventually(t, "there is an item in quarantine", func() bool { return len(p.items("state=held")) == 1 })
	p.schemathesis("gateway", "", append(withoutTail, "--max-examples", "25")...)
}

// A tail never ends; its parameters have a fuzzer.
var withoutTail = []string{"--exclude-operation-id", "tailLogs"}

// Bodies of the formats that schemathesis cannot write have fuzzers of their own.
func TestTheShipperAnswersAsItsDocumentSays(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.schemathesis("shipper", "", "--phases", "coverage,fuzzing", "--max-examples", "100")
}

func TestTheShipperRefusesAsItsDocumentSays(t *testing.T) {
	p := newPipeline(t)
	read, send := p.key("reader", "read"), p.key("sender", "ingest")
	p.start("shipper")
	for _, shown := range []string{"none", read, send} {
		p.schemathesis("shipper", read, "--phases", "coverage", "--header", "Authorization: Bearer "+shown)
	}
}

// With keys on, whoever shows none, or one that is not enough, is told so as the
// document says, too.
func TestTheGatewayRefusesAsItsDocumentSays(t *testing.T) {
	p := newPipeline(t)
	read := p.key("reader", "read")
	p.start("gateway")
	gateway := "http://" + p.addr["gateway"]
	for key, want := range map[string]int{"": http.StatusUnauthorized, read: http.StatusForbidden} {
		if status, _ := p.status(http.DefaultClient, "POST", gateway+"/api/quarantine/discard", key, `{"ids":[1]}`); status != want {
			t.Errorf("with the key %.8s: %d", key, status)
		}
	}
	p.schemathesis("gateway", read, "--phases", "coverage", "--header", "Authorization: Bearer none", "--include-tag", "ledger", "--include-tag", "query")
	p.schemathesis("gateway", read, "--phases", "coverage", "--header", "Authorization: Bearer "+read, "--exclude-method", "GET")
}
