package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"millrace/e2e/servers"
)

const deployments = "../deployments"

func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	program, err := servers.Promtool()
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(program, args...)
	check.Stdin = strings.NewReader(stdin)
	if out, err := check.CombinedOutput(); err != nil || strings.Contains(string(out), "FAILED") {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestTheRulesOfPrometheusAreRight(t *testing.T) {
	promtool(t, "", "check", "config", deployments+"/prometheus/prometheus.yml")
	promtool(t, "", "check", "config", deployments+"/prometheus/local.yml")
	promtool(t, "", "test", "rules", deployments+"/prometheus/tests/alerts_test.yml")
}

// families returns the names of the metrics that a role serves, after promtool
// had a look at them.
func (p *pipeline) families(role string) []string {
	p.t.Helper()
	text := p.get(role, "/metrics").body
	promtool(p.t, text, "check", "metrics")
	var names []string
	for _, line := range strings.Split(text, "\n") {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			names = append(names, strings.Fields(name)[0])
		}
	}
	return names
}

var roles = []string{"producer", "shipper", "consumer", "gateway"}

// The metrics of every role are as Prometheus wants them, and the same on the
// embedded Kafka as on a real one.
func TestMetricsAreTheSameOnTheEmbeddedKafka(t *testing.T) {
	real := newPipeline(t, "MILLRACE_BATCHING_MAX_DELAY=200ms")
	for _, role := range roles {
		real.start(role, "MILLRACE_PRODUCER_RATE=50")
	}
	_, port, _ := strings.Cut(freeAddr(t), ":")
	embedded := newPipeline(t, "MILLRACE_BATCHING_MAX_DELAY=200ms", "MILLRACE_KAFKA_BROKERS=", "MILLRACE_EMBEDDED_KAFKA_PORT="+port, "MILLRACE_PRODUCER_RATE=50")
	embedded.addr["up"] = embedded.addr["gateway"]
	up := embedded.start("up")
	eventually(t, "up says that it is ready", func() bool {
		return strings.Contains(up.Output(), "millrace is ready: open http://"+embedded.addr["gateway"]+"\n")
	})
	for _, p := range []*pipeline{real, embedded} {
		p.send(0, 10)
		p.expectStored(10)
		eventually(t, "the newest logs come from the cache", func() bool {
			return p.get("gateway", "/api/query/recent").header.Get("X-Cache") == "hit"
		})
	}
	late := map[string]string{"consumer": "kafka_consumer_lag", "gateway": "ledger_gaps"} // these are asked for now and then
	for _, role := range roles {
		for _, p := range []*pipeline{real, embedded} {
			p.get(role, "/actuator")
			eventually(t, role+" knows all", func() bool { return late[role] == "" || slices.Contains(p.families(role), late[role]) })
		}
		if a, b := real.families(role), embedded.families(role); !slices.Equal(a, b) {
			t.Errorf("%s:\non Kafka    %q\nembedded    %q", role, a, b)
		}
	}
}

// prometheus is a running Prometheus that watches a pipeline.
type prometheus struct {
	*servers.Prometheus
	t *testing.T
}

// watch starts Prometheus on a copy of our configuration in which the names of
// the services are the addresses of this pipeline.
func (p *pipeline) watch() *prometheus {
	p.t.Helper()
	dir := p.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(deployments+"/prometheus")); err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yml")
	config, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	text := string(config)
	for name, role := range map[string]string{
		"log-producer:8081": "producer", "log-shipper:8082": "shipper", "log-consumer:8083": "consumer", "api-gateway:8080": "gateway",
		"scrape_interval: 5s": "", "evaluation_interval: 15s": "",
	} {
		if !strings.Contains(text, name) {
			p.t.Fatalf("the configuration has no %s", name)
		}
		with := p.addr[role]
		if role == "" {
			with = strings.SplitAfter(name, ": ")[0] + "1s"
		}
		text = strings.ReplaceAll(text, name, with)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	started, err := servers.StartPrometheus(p.t.Context(), dir, file)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(started.Kill)
	return &prometheus{started, p.t}
}

// ask returns the data of an answer of Prometheus' API.
func (p *prometheus) ask(path string, into any) error {
	response, err := http.Get(p.URL + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var got struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		return err
	}
	if got.Status != "success" {
		return fmt.Errorf("%s: %s", path, got.Error)
	}
	return json.Unmarshal(got.Data, into)
}

// values evaluates an expression now.
func (p *prometheus) values(expression string) ([]float64, error) {
	var got struct {
		ResultType string
		Result     json.RawMessage
	}
	if err := p.ask("/api/v1/query?query="+url.QueryEscape(expression), &got); err != nil {
		return nil, err
	}
	type sample struct{ Value [2]any }
	var samples []sample
	if got.ResultType == "scalar" {
		samples = make([]sample, 1)
		if err := json.Unmarshal(got.Result, &samples[0].Value); err != nil {
			return nil, err
		}
	} else if err := json.Unmarshal(got.Result, &samples); err != nil {
		return nil, err
	}
	values := make([]float64, len(samples))
	for i, s := range samples {
		value, err := strconv.ParseFloat(fmt.Sprint(s.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

// hasData tells whether an expression has a value that is a number.
func (p *prometheus) hasData(expression string) bool {
	p.t.Helper()
	values, err := p.values(expression)
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) })
}

// dashboards returns the expressions and the SQL of every panel and variable,
// by where they stand.
func dashboards(t *testing.T) (expressions, statements map[string]string) {
	t.Helper()
	expressions, statements = map[string]string{}, map[string]string{}
	files, _ := filepath.Glob(deployments + "/grafana/dashboards/*.json")
	if len(files) < 5 {
		t.Fatalf("dashboards: %q", files)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			Panels []struct {
				Title   string
				Targets []struct{ RefID, Expr, RawSQL string }
			}
			Templating struct {
				List []struct {
					Name, Type, Query string
					Datasource        struct{ Type string }
				}
			}
		}
		if err := json.Unmarshal(data, &dashboard); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, panel := range dashboard.Panels {
			if len(panel.Targets) == 0 {
				t.Errorf("%s: %s asks for nothing", file, panel.Title)
			}
			for _, target := range panel.Targets {
				where := filepath.Base(file) + ", " + panel.Title + ", " + target.RefID
				switch {
				case target.Expr != "":
					expressions[where] = target.Expr
				case target.RawSQL != "":
					statements[where] = target.RawSQL
				default:
					t.Errorf("%s asks for nothing", where)
				}
			}
		}
		for _, variable := range dashboard.Templating.List {
			if variable.Type == "query" && variable.Datasource.Type == "postgres" {
				statements[filepath.Base(file)+", variable "+variable.Name] = variable.Query
			}
		}
	}
	return expressions, statements
}

// ruleFile is a file of rules.
type ruleFile struct {
	Groups []struct {
		Rules []struct{ Record, Alert, Expr string }
	}
}

func readRules(t *testing.T, name string) ruleFile {
	t.Helper()
	data, err := os.ReadFile(deployments + "/prometheus/rules/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var rules ruleFile
	if err := yaml.Unmarshal(data, &rules); err != nil {
		t.Fatal(err)
	}
	return rules
}

// What the README of the system that Millrace follows asks for.
var seedQueries = []string{
	"rate(logs_sent_total[1m])",
	"rate(logs_sent_total[5m]) / rate(batches_sent_total[5m])",
	"(buffer_size / 10000) * 100",
	"rate(logs_dropped_total[1m])",
	"logs_sent_total / batches_sent_total",
	"batch_flush_duration_seconds_count", "buffer_remaining_capacity", "kafka_send_failures_total",
}

var seedMetrics = map[string][]string{
	"producer": {"logs.generated"},
	"shipper":  {"logs.received", "logs.dropped", "batches.sent", "buffer.size"},
}

// exercise gives every metric something to show, once.
func (p *pipeline) exercise() {
	p.t.Helper()
	p.send(0, 2000) // batches by size, and logs of this test
	if got := p.post("application/json", "{"); got.status != http.StatusBadRequest {
		p.t.Fatalf("%d %s", got.status, got.body)
	}
	client := sarama.NewConfig()
	client.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(kafka.Brokers, client)
	if err != nil {
		p.t.Fatal(err)
	}
	defer producer.Close()
	if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "logs", Value: sarama.StringEncoder("no batch of " + p.service)}); err != nil {
		p.t.Fatal(err)
	}
}

// A running pipeline, watched by a real Prometheus with our configuration: every
// expression of the seed, of the rules and of the dashboards parses, speaks of
// metrics that there are, and has data. The one alert that fires is the one
// that must.
func TestEveryExpressionHasData(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_MAX_DELAY=300ms")
	for _, role := range roles {
		p.start(role, "MILLRACE_PRODUCER_RATE=200")
	}
	watching := p.watch()
	// What is counted before it is first seen is no increase.
	eventually(t, "every role is seen", func() bool {
		values, err := watching.values("count(up == 1) and count(batches_quarantined_total)")
		return err == nil && slices.Equal(values, []float64{float64(len(roles))})
	})
	p.exercise()

	expressions, statements := dashboards(t)
	for i, query := range seedQueries {
		expressions[fmt.Sprint("seed ", i)] = query
	}
	for _, group := range readRules(t, "recording.yml").Groups {
		for _, rule := range group.Rules {
			expressions["rule "+rule.Record] = rule.Expr
			expressions["record "+rule.Record] = rule.Record
		}
	}
	lacking := ""
	ask := func() bool { // and keep the gateway busy
		p.get("gateway", "/api/query/recent")
		p.get("gateway", "/api/logs?limit=5")
		for where, expression := range expressions {
			if !watching.hasData(expression) {
				lacking = where + ": " + expression
				return false
			}
		}
		lacking = ""
		return true
	}
	t.Cleanup(func() {
		if lacking != "" {
			t.Logf("no data for %s", lacking)
		}
	})
	eventually(t, "every expression has data", ask)
	for role, names := range seedMetrics {
		for _, name := range names {
			p.metric(role, name, map[bool]string{true: "VALUE", false: "COUNT"}[name == "buffer.size"])
		}
	}
	watching.checkAlerts()
	p.checkStatements(statements)
}

// checkAlerts expects that all rules can be evaluated, that alerts speak of
// metrics that exist, and that none fires but the one for what exercise put
// into quarantine.
func (p *prometheus) checkAlerts() {
	p.t.Helper()
	var names []string
	if err := p.ask("/api/v1/label/__name__/values", &names); err != nil {
		p.t.Fatal(err)
	}
	for _, group := range readRules(p.t, "alerts.yml").Groups {
		for _, rule := range group.Rules {
			for _, name := range metricsOf(rule.Expr) {
				if !slices.Contains(names, name) {
					p.t.Errorf("%s speaks of %s, which does not exist", rule.Alert, name)
				}
			}
		}
	}
	type rule struct{ Name, Health, LastError, State string }
	firing := func() (names []string, unhealthy []rule) {
		var got struct{ Groups []struct{ Rules []rule } }
		if err := p.ask("/api/v1/rules", &got); err != nil {
			p.t.Fatal(err)
		}
		for _, group := range got.Groups {
			for _, r := range group.Rules {
				if r.Health != "ok" {
					unhealthy = append(unhealthy, r)
				}
				if r.State == "firing" {
					names = append(names, r.Name)
				}
			}
		}
		return names, unhealthy
	}
	const expected = "MillraceQuarantineNotEmpty"
	eventually(p.t, expected+" fires", func() bool { names, _ := firing(); return slices.Contains(names, expected) })
	if names, unhealthy := firing(); len(names) > 1 || len(unhealthy) > 0 {
		p.t.Errorf("firing %q, wrong %+v", names, unhealthy)
	}
}

var (
	notNames   = regexp.MustCompile(`"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring)\s*\([^)]*\)`)
	identifier = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
	keywords   = []string{"and", "or", "unless", "by", "without", "on", "ignoring"}
)

// metricsOf returns the names of the metrics in an expression: its identifiers
// that are no functions, keywords or labels.
func metricsOf(expression string) []string {
	var names []string
	for _, name := range identifier.FindAllString(notNames.ReplaceAllString(expression, " "), -1) {
		if name = strings.TrimSpace(name); !strings.HasSuffix(name, "(") && !slices.Contains(keywords, name) {
			names = append(names, name)
		}
	}
	return names
}

// grafana stands for what Grafana puts in the place of its macros and variables.
var grafana = []struct {
	macro *regexp.Regexp
	with  string
}{
	{regexp.MustCompile(`\$__timeFilter\((\w+)\)`), "$1 BETWEEN now() - interval '1 hour' AND now()"},
	{regexp.MustCompile(`\$__timeGroupAlias\((\w+), \$__interval\)`), `floor(extract(epoch FROM $1) / 10) * 10 AS "time"`},
	{regexp.MustCompile(`\$\{service:sqlstring\}`), "SELECT DISTINCT service FROM logs"},
	{regexp.MustCompile(`\$\{text:sqlstring\}`), "''"},
	{regexp.MustCompile(`\$level`), "1"},
}

// checkStatements runs SQL as Grafana would, on the schema that is there, and
// expects rows.
func (p *pipeline) checkStatements(statements map[string]string) {
	p.t.Helper()
	if len(statements) == 0 {
		p.t.Fatal("no panel asks PostgreSQL")
	}
	ctx := p.t.Context()
	conn, err := pgx.Connect(ctx, p.db)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for where, statement := range statements {
		for _, g := range grafana {
			statement = g.macro.ReplaceAllString(statement, g.with)
		}
		if strings.Contains(statement, "$") {
			p.t.Errorf("%s: what Grafana puts in is not known here: %s", where, statement)
			continue
		}
		eventually(p.t, "there are rows for "+where, func() bool {
			rows, err := conn.Query(ctx, statement, pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				p.t.Fatalf("%s: %v", where, err)
			}
			defer rows.Close()
			found := rows.Next()
			rows.Close()
			if err := rows.Err(); err != nil {
				p.t.Fatalf("%s: %v", where, err)
			}
			return found
		})
	}
}
