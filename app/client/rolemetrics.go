package client

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"millrace/app"
)

// maxMetrics bounds an answer, in bytes.
const maxMetrics = 4 << 20

// Roles asks roles at known addresses for their metrics.
type Roles struct {
	known []knownRole
	http  *http.Client
}

type knownRole struct{ role, url string }

// NewRoles returns Roles for servers at URLs such as http://localhost:8082.
func NewRoles(cfg app.HTTPConfig, shippers, consumers, producers []string) (*Roles, error) {
	requests, err := cfg.Client(stateTimeout)
	r := &Roles{http: requests}
	for role, urls := range map[string][]string{"shipper": shippers, "consumer": consumers, "producer": producers} {
		for _, url := range urls {
			r.known = append(r.known, knownRole{role, url})
		}
	}
	return r, err
}

// Close closes the idle connections.
func (r *Roles) Close() error {
	r.http.CloseIdleConnections()
	return nil
}

// Metrics asks all roles at once, and not for long. One that does not answer says
// so in its Error.
func (r *Roles) Metrics(ctx context.Context) []app.RoleMetrics {
	answers := make([]app.RoleMetrics, len(r.known))
	var wait sync.WaitGroup
	for i, one := range r.known {
		wait.Go(func() {
			answers[i] = app.RoleMetrics{Role: one.role, URL: one.url, At: time.Now()}
			metrics, err := r.ask(ctx, one.url)
			if err != nil {
				answers[i].Error = err.Error()
			}
			answers[i].Metrics = metrics
		})
	}
	wait.Wait()
	return answers
}

func (r *Roles) ask(ctx context.Context, target string) ([]app.Metric, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(target, "/")+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := r.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", response.Status)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(response.Body, maxMetrics))
	if err != nil {
		return nil, fmt.Errorf("its answer cannot be read: %w", err)
	}
	var metrics []app.Metric
	for name, family := range families {
		for _, series := range family.Metric {
			metrics = appendSeries(metrics, name, series)
		}
	}
	return metrics, nil
}

func appendSeries(metrics []app.Metric, name string, series *dto.Metric) []app.Metric {
	labels := map[string]string{}
	for _, label := range series.Label {
		labels[label.GetName()] = label.GetValue()
	}
	add := func(name string, labels map[string]string, value float64) {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			metrics = append(metrics, app.Metric{Name: name, Labels: labels, Value: value})
		}
	}
	switch {
	case series.Counter != nil:
		add(name, labels, series.Counter.GetValue())
	case series.Gauge != nil:
		add(name, labels, series.Gauge.GetValue())
	case series.Untyped != nil:
		add(name, labels, series.Untyped.GetValue())
	case series.Histogram != nil:
		add(name+"_sum", labels, series.Histogram.GetSampleSum())
		add(name+"_count", labels, float64(series.Histogram.GetSampleCount()))
		for _, bucket := range series.Histogram.Bucket {
			add(name+"_bucket", map[string]string{"le": strconv.FormatFloat(bucket.GetUpperBound(), 'g', -1, 64)}, float64(bucket.GetCumulativeCount()))
		}
	}
	return metrics
}
