package actuator_test

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// shipper has metrics of every sort.
func shipper() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	with := promauto.With(registry)
	with.NewCounter(prometheus.CounterOpts{Name: "logs_sent_total", Help: "Logs that Kafka took."}).Add(1042)
	with.NewCounter(prometheus.CounterOpts{Name: "kafka_send_failures_total"})
	with.NewGauge(prometheus.GaugeOpts{Name: "buffer_size", Help: "Logs in memory."}).Set(37)
	with.NewGauge(prometheus.GaugeOpts{Name: "buffer_bytes"}).Set(9)
	with.NewGauge(prometheus.GaugeOpts{Name: "odd"}).Set(math.NaN())
	with.NewUntypedFunc(prometheus.UntypedOpts{Name: "untyped"}, func() float64 { return 4 })

	flush := with.NewHistogram(prometheus.HistogramOpts{Name: "batch_flush_duration_seconds", Buckets: []float64{0.1, 1, 10}})
	flush.Observe(0.05)
	flush.Observe(0.5)
	over := with.NewHistogram(prometheus.HistogramOpts{Name: "over", Buckets: []float64{1, 2}})
	over.Observe(7)
	with.NewHistogram(prometheus.HistogramOpts{Name: "idle_seconds"})
	exact := with.NewHistogramVec(prometheus.HistogramOpts{Name: "exact_seconds", Buckets: []float64{1}}, []string{"topic"})
	exact.WithLabelValues("a").Observe(0.25)
	exact.WithLabelValues("b").Observe(0.5)
	most := with.NewGaugeVec(prometheus.GaugeOpts{Name: "exact_seconds_max"}, []string{"topic"})
	most.WithLabelValues("a").Set(0.25)
	most.WithLabelValues("b").Set(0.5)
	with.NewSummary(prometheus.SummaryOpts{Name: "size_bytes", Objectives: map[float64]float64{1: 0}}).Observe(70)

	refused := with.NewCounterVec(prometheus.CounterOpts{Name: "logs_refused_total"}, []string{"reason", "format"})
	refused.WithLabelValues("full", "json").Add(5)
	refused.WithLabelValues("full", "otlp").Add(6)
	refused.WithLabelValues("in:valid", "json").Add(7)
	return registry
}

func TestMetricNames(t *testing.T) {
	_, body, _ := get(mount(t, shipper()), "/actuator/metrics")
	var got struct{ Names []string }
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"batch.flush.duration", "buffer.bytes", "buffer.size", "exact", "idle", "kafka.send.failures",
		"logs.refused", "logs.sent", "odd", "over", "size.bytes", "untyped",
	}
	if !slices.Equal(got.Names, want) {
		t.Errorf("names %v, want %v", got.Names, want)
	}
}

func TestMetricsInSpringsJSON(t *testing.T) {
	e := mount(t, shipper())
	for path, want := range map[string]string{
		"logs.sent": `{"name":"logs.sent","description":"Logs that Kafka took.","baseUnit":null,"measurements":[{"statistic":"COUNT","value":1042}],"availableTags":[]}`,
		// Prometheus' own names, and those of the README, are understood too.
		"logs_sent_total":      `{"name":"logs.sent","description":"Logs that Kafka took.","baseUnit":null,"measurements":[{"statistic":"COUNT","value":1042}],"availableTags":[]}`,
		"buffer.size":          `{"name":"buffer.size","description":"Logs in memory.","baseUnit":null,"measurements":[{"statistic":"VALUE","value":37}],"availableTags":[]}`,
		"buffer_bytes":         `{"name":"buffer.bytes","description":"","baseUnit":"bytes","measurements":[{"statistic":"VALUE","value":9}],"availableTags":[]}`,
		"kafka_send_failures":  `{"name":"kafka.send.failures","description":"","baseUnit":null,"measurements":[{"statistic":"COUNT","value":0}],"availableTags":[]}`,
		"odd":                  `{"name":"odd","description":"","baseUnit":null,"measurements":[{"statistic":"VALUE","value":"NaN"}],"availableTags":[]}`,
		"untyped":              `{"name":"untyped","description":"","baseUnit":null,"measurements":[{"statistic":"VALUE","value":4}],"availableTags":[]}`,
		"batch.flush.duration": `{"name":"batch.flush.duration","description":"","baseUnit":"seconds","measurements":[{"statistic":"COUNT","value":2},{"statistic":"TOTAL_TIME","value":0.55},{"statistic":"MAX","value":1}],"availableTags":[]}`,
		"over":                 `{"name":"over","description":"","baseUnit":null,"measurements":[{"statistic":"COUNT","value":1},{"statistic":"TOTAL","value":7},{"statistic":"MAX","value":2}],"availableTags":[]}`,
		"idle":                 `{"name":"idle","description":"","baseUnit":"seconds","measurements":[{"statistic":"COUNT","value":0},{"statistic":"TOTAL_TIME","value":0},{"statistic":"MAX","value":0}],"availableTags":[]}`,
		"exact":                `{"name":"exact","description":"","baseUnit":"seconds","measurements":[{"statistic":"COUNT","value":2},{"statistic":"TOTAL_TIME","value":0.75},{"statistic":"MAX","value":0.5}],"availableTags":[{"tag":"topic","values":["a","b"]}]}`,
		"exact?tag=topic:a":    `{"name":"exact","description":"","baseUnit":"seconds","measurements":[{"statistic":"COUNT","value":1},{"statistic":"TOTAL_TIME","value":0.25},{"statistic":"MAX","value":0.25}],"availableTags":[]}`,
		"size.bytes":           `{"name":"size.bytes","description":"","baseUnit":"bytes","measurements":[{"statistic":"COUNT","value":1},{"statistic":"TOTAL","value":70},{"statistic":"MAX","value":70}],"availableTags":[]}`,
		"logs.refused":         `{"name":"logs.refused","description":"","baseUnit":null,"measurements":[{"statistic":"COUNT","value":18}],"availableTags":[{"tag":"format","values":["json","otlp"]},{"tag":"reason","values":["full","in:valid"]}]}`,

		"logs.refused?tag=reason:full":                 `{"name":"logs.refused","description":"","baseUnit":null,"measurements":[{"statistic":"COUNT","value":11}],"availableTags":[{"tag":"format","values":["json","otlp"]}]}`,
		"logs.refused?tag=reason:in:valid":             `{"name":"logs.refused","description":"","baseUnit":null,"measurements":[{"statistic":"COUNT","value":7}],"availableTags":[{"tag":"format","values":["json"]}]}`,
		"logs.refused?tag=reason:full&tag=format:otlp": `{"name":"logs.refused","description":"","baseUnit":null,"measurements":[{"statistic":"COUNT","value":6}],"availableTags":[]}`,
	} {
		status, body, _ := get(e, "/actuator/metrics/"+path)
		if body = strings.TrimSpace(body); status != http.StatusOK || body != want {
			t.Errorf("%s: %d\ngot  %s\nwant %s", path, status, body, want)
		}
	}
	for path, want := range map[string]int{
		"nothing":                                       404,
		"logs.refused?tag=reason:none":                  404,
		"logs.refused?tag=colour:red":                   404,
		"logs.refused?tag=reason":                       400,
		"logs.refused?tag=:x":                           400,
		"logs.refused?tag=reason:full&tag=reason:other": 404,
		"exact_seconds_max":                             404, // shown as MAX
	} {
		if status, body, _ := get(e, "/actuator/metrics/"+path); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// Every metric of a real registry can be looked up by the name it is listed
// under, and no two have the same.
func TestEveryListedMetricCanBeAskedFor(t *testing.T) {
	registry := shipper()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e := mount(t, registry)
	_, body, _ := get(e, "/actuator/metrics")
	var list struct{ Names []string }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	for i, name := range list.Names {
		if i > 0 && list.Names[i-1] == name {
			t.Errorf("%s is listed twice", name)
		}
		if status, body, parsed := get(e, "/actuator/metrics/"+name); status != http.StatusOK || parsed["name"] != name {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
