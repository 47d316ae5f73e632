package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
)

// answer is what a role answered.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *pipeline) get(role, path string) answer {
	p.t.Helper()
	response, err := http.Get("http://" + p.addr[role] + path)
	return p.read(response, err)
}

func (p *pipeline) post(contentType, body string) answer {
	p.t.Helper()
	response, err := http.Post("http://"+p.addr["shipper"]+"/api/logs", contentType, strings.NewReader(body))
	return p.read(response, err)
}

func (p *pipeline) read(response *http.Response, err error) answer {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// lines makes n logs of this test, numbered from first.
func (p *pipeline) lines(first, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"service":%q,"message":"log %d","attributes":{"n":%d}}`+"\n", p.service, first+i, first+i)
	}
	return b.String()
}

// send sends n logs in one request, numbered from first, and expects them to be
// accepted.
func (p *pipeline) send(first, n int) {
	p.t.Helper()
	if got := p.post("application/x-ndjson", p.lines(first, n)); got.status != http.StatusAccepted {
		p.t.Fatalf("%d %s", got.status, got.body)
	}
}

// metric returns a measurement of a metric as Actuator shows it.
func (p *pipeline) metric(role, name, statistic string) float64 {
	p.t.Helper()
	got := p.get(role, "/actuator/metrics/"+name)
	var metric struct {
		Measurements []struct {
			Statistic string
			Value     float64
		}
	}
	if err := json.Unmarshal([]byte(got.body), &metric); err != nil || got.status != http.StatusOK {
		p.t.Fatalf("%s: %d %s", name, got.status, got.body)
	}
	for _, m := range metric.Measurements {
		if m.Statistic == statistic {
			return m.Value
		}
	}
	p.t.Fatalf("%s has no %s: %s", name, statistic, got.body)
	return 0
}

func (p *pipeline) count(role, name string) int { return int(p.metric(role, name, "COUNT")) }

// stored counts the logs of this test in PostgreSQL: all, and how many
// different ones.
func (p *pipeline) stored() (all, different int) {
	p.t.Helper()
	p.query("SELECT count(*), count(DISTINCT message) FROM logs WHERE service = $1", []any{p.service}, &all, &different)
	return all, different
}

func (p *pipeline) query(sql string, args []any, into ...any) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.db)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(p.t.Context(), sql, args...).Scan(into...); err != nil {
		p.t.Fatal(err)
	}
}

// expectStored waits until n logs of this test are stored, and no log twice.
func (p *pipeline) expectStored(n int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%d logs are stored", n), func() bool {
		all, _ := p.stored()
		return all >= n
	})
	if all, different := p.stored(); all != n || different != n {
		p.t.Fatalf("%d logs are stored, %d different ones: want %d", all, different, n)
	}
}
