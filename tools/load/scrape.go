package main

import (
	"context"
	"fmt"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sample is the metrics of one role at one moment.
type sample map[string]*dto.MetricFamily

// scrape reads the metrics of a role at a URL such as http://localhost:8082.
func scrape(ctx context.Context, client *http.Client, role string, header http.Header) (sample, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, role+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	request.Header = header.Clone()
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s/metrics answered %s", role, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(response.Body)
}

// sum adds up the series of a metric that have the labels given as pairs; of a
// histogram, what it counted.
func (s sample) sum(name string, labels ...string) float64 {
	var total float64
	for _, m := range s[name].GetMetric() {
		if !has(m, labels) {
			continue
		}
		switch {
		case m.Counter != nil:
			total += m.Counter.GetValue()
		case m.Gauge != nil:
			total += m.Gauge.GetValue()
		case m.Histogram != nil:
			total += float64(m.Histogram.GetSampleCount())
		case m.Untyped != nil:
			total += m.Untyped.GetValue()
		}
	}
	return total
}

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		fits := false
		for _, l := range m.GetLabel() {
			fits = fits || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}
		if !fits {
			return false
		}
	}
	return true
}

// counters is what the shippers counted, added up.
type counters struct{ sent, batches, requests, dropped, failures float64 }

// count reads the counters of all shippers.
func count(ctx context.Context, client *http.Client, cfg config) (counters, error) {
	var c counters
	for _, shipper := range cfg.shippers {
		s, err := scrape(ctx, client, shipper, cfg.headers)
		if err != nil {
			return counters{}, fmt.Errorf("no shipper answers (flag -shipper): %w", err)
		}
		c.sent += s.sum("logs_sent_total")
		c.batches += s.sum("batches_sent_total")
		c.requests += s.sum("publish_time_seconds", "publisher_name", "kafka.Publisher")
		c.dropped += s.sum("logs_dropped_total")
		c.failures += s.sum("kafka_send_failures_total")
	}
	return c, nil
}

func (c counters) since(before counters) counters {
	return counters{
		c.sent - before.sent, c.batches - before.batches, c.requests - before.requests,
		c.dropped - before.dropped, c.failures - before.failures,
	}
}
