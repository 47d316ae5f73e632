package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"millrace/app"
)

// Searched is all of a store that answers questions.
type Searched interface {
	app.LogReader
	app.LogFinder
	app.LogWalker
}

// TestLogCounter asks the counter the same as a walk over the logs can tell, of
// random logs and with random filters.
func TestLogCounter(t *testing.T, store app.BatchStore, reader Searched, counter app.LogCounter) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for n := range 12 {
		logs := make([]app.Log, 1+random.IntN(20))
		for i := range logs {
			logs[i] = randomLog(random, fmt.Sprintf("%d-%d", n, i))
			logs[i].Time = Now.Add(-time.Duration(random.IntN(4*3600)) * time.Second).Add(time.Duration(random.IntN(1e9)))
		}
		mustStore(t, store, Batch("k3v9", uint64(1+n*100), logs...))
	}
	for range 150 {
		f := randomQuery(random).Filter
		f.To = Now.Add(-time.Duration(random.IntN(3600)) * time.Second)
		f.From = f.To.Add(-time.Duration(1+random.IntN(4*3600)) * time.Second)
		if random.IntN(2) == 0 { // only what the minutes know
			f = app.Filter{From: f.From, To: f.To, Levels: f.Levels, NotLevels: f.NotLevels, Services: f.Services, NotServices: f.NotServices}
		}
		by := pick(random, []app.Field{"", app.FieldLevel, app.FieldService, app.FieldHost, "attr.user", "attr.http.status"})
		sameFigures(t, reader, counter, f, by)
		sameHistogram(t, reader, counter, f, by, pick(random, []time.Duration{30 * time.Second, time.Minute, 5 * time.Minute, time.Hour}))
		if t.Failed() {
			t.Fatalf("seed %d, by %q, filter %+v", seed, by, f)
		}
	}
}

// walked counts by walking.
func walked(t *testing.T, reader Searched, f app.Filter, value func(*app.Log) string) (total int64, by map[string]int64) {
	t.Helper()
	by = map[string]int64{}
	err := reader.Walk(t.Context(), app.Query{Filter: f}, func(log *app.Log) error {
		total++
		by[value(log)]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return total, by
}

// valueOf is a log's value of a field for the tests' own logs.
func valueOf(field app.Field) func(*app.Log) string {
	return func(log *app.Log) string {
		switch field {
		case app.FieldLevel:
			return log.Level.String()
		case app.FieldService:
			return log.Service
		case app.FieldHost:
			return log.Host
		case "attr.user", "attr.http.status":
			name, _ := field.Attribute()
			for _, value := range []string{"42", "42.0", "500", "0", "[500]"} {
				m, err := app.NewMatcher(app.Filter{Attributes: []app.AttributeFilter{{Name: name, Values: []string{value}}}})
				if err == nil && m.Matches(log) {
					return value
				}
			}
		}
		return ""
	}
}

func sameFigures(t *testing.T, reader Searched, counter app.LogCounter, f app.Filter, by app.Field) {
	t.Helper()
	total, values := walked(t, reader, f, valueOf(by))
	stats, err := counter.Stats(t.Context(), app.StatsQuery{Filter: f, By: by, Distinct: app.FieldHost, Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, hosts := walked(t, reader, f, valueOf(app.FieldHost))
	if stats.Count != total || *stats.Distinct != int64(len(hosts)) {
		t.Errorf("stats: %d logs, %d hosts; want %d, %d", stats.Count, *stats.Distinct, total, len(hosts))
	}
	if by == "" {
		return
	}
	facets, err := counter.Facets(t.Context(), app.FacetQuery{Filter: f, Fields: []app.Field{by}, Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	facet := facets.Facets[0]
	sum := facet.Other + facet.Missing
	for i, v := range facet.Values {
		sum += v.Count
		if _, attribute := by.Attribute(); !attribute && values[v.Value] != v.Count {
			t.Errorf("facet %q: %d; want %d", v.Value, v.Count, values[v.Value])
		}
		if i < len(stats.Groups) && (stats.Groups[i].Value != v.Value || stats.Groups[i].Count != v.Count) {
			t.Errorf("group %+v, value %+v", stats.Groups[i], v)
		}
	}
	if facets.Total != total || sum != total {
		t.Errorf("facets: %+v; want %d in all", facets, total)
	}
}

func sameHistogram(t *testing.T, reader Searched, counter app.LogCounter, f app.Filter, by app.Field, step time.Duration) {
	t.Helper()
	f.From, f.To = f.From.Truncate(step), f.To.Add(step-1).Truncate(step)
	got, err := counter.Histogram(t.Context(), app.HistogramQuery{Filter: f, By: by, Step: step})
	if err != nil {
		t.Fatal(err)
	}
	total, buckets := walked(t, reader, f, func(log *app.Log) string { return log.Time.Truncate(step).Format(time.RFC3339) })
	if got.Total != total || len(got.Buckets) != int(f.To.Sub(f.From)/step) {
		t.Errorf("histogram: %d in %d buckets; want %d in %d", got.Total, len(got.Buckets), total, f.To.Sub(f.From)/step)
	}
	for _, bucket := range got.Buckets {
		if bucket.Count != buckets[bucket.Time.Format(time.RFC3339)] {
			t.Errorf("bucket %s: %d; want %d", bucket.Time, bucket.Count, buckets[bucket.Time.Format(time.RFC3339)])
		}
		for value, n := range bucket.Counts {
			if n > bucket.Count || !slices.Contains(got.Values, value) {
				t.Errorf("bucket %s: %d of %q, among %q", bucket.Time, n, value, got.Values)
			}
		}
	}
}
