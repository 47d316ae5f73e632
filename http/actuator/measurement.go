package actuator

import (
	"encoding/json"
	"math"
	"strconv"

	dto "github.com/prometheus/client_model/go"
)

// measurement is one number of a metric, as Spring Boot shows it.
type measurement struct {
	Statistic string `json:"statistic"` // COUNT, VALUE, TOTAL, TOTAL_TIME or MAX
	Value     number `json:"value"`
}

// number is a float that JSON may not be able to hold: NaN and the infinities
// become text, as in Spring Boot.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(nil, strconv.FormatFloat(f, 'g', -1, 64)), nil
	}
	return json.Marshal(f)
}

// measure adds up the series of a metric: sums, but the largest for MAX.
func measure(m metric, series []*dto.Metric) []measurement {
	switch {
	case m.family.GetType() == dto.MetricType_COUNTER:
		return []measurement{{"COUNT", sum(series, func(s *dto.Metric) float64 { return s.GetCounter().GetValue() })}}
	case isDistribution(m.family):
		total := "TOTAL"
		if m.unit == "seconds" {
			total = "TOTAL_TIME"
		}
		return []measurement{
			{"COUNT", sum(series, countOf)},
			{total, sum(series, totalOf)},
			{"MAX", largest(m, series)},
		}
	default:
		return []measurement{{"VALUE", sum(series, valueOf)}}
	}
}

func sum(series []*dto.Metric, of func(*dto.Metric) float64) number {
	var total float64
	for _, s := range series {
		total += of(s)
	}
	return number(total)
}

func valueOf(s *dto.Metric) float64 {
	if s.Gauge != nil {
		return s.GetGauge().GetValue()
	}
	return s.GetUntyped().GetValue()
}

func countOf(s *dto.Metric) float64 {
	if s.Summary != nil {
		return float64(s.GetSummary().GetSampleCount())
	}
	// A histogram counts either whole or, as a gauge histogram may, in parts.
	return float64(s.GetHistogram().GetSampleCount()) + s.GetHistogram().GetSampleCountFloat()
}

func totalOf(s *dto.Metric) float64 {
	if s.Summary != nil {
		return s.GetSummary().GetSampleSum()
	}
	return s.GetHistogram().GetSampleSum()
}

// largest returns the largest value seen. Prometheus does not keep it: it is
// the companion gauge's where there is one. Else it is an upper estimate, the
// bound of the highest bucket that is not empty (for the one without a bound,
// the highest bound there is, which is then too low), or the highest quantile
// of a summary.
func largest(m metric, series []*dto.Metric) number {
	var most float64
	for _, s := range series {
		if exact := companionOf(m, s); exact != nil {
			most = max(most, exact.GetGauge().GetValue())
			continue
		}
		most = max(most, highestBound(s), highestQuantile(s))
	}
	return number(most)
}

// companionOf returns the companion's series with the same labels, or nil.
func companionOf(m metric, s *dto.Metric) *dto.Metric {
	if m.max == nil {
		return nil
	}
	for _, candidate := range m.max.GetMetric() {
		if sameLabels(candidate, s) {
			return candidate
		}
	}
	return nil
}

func highestBound(s *dto.Metric) float64 {
	var bound float64
	var below uint64
	for _, bucket := range s.GetHistogram().GetBucket() {
		if !math.IsInf(bucket.GetUpperBound(), 1) && bucket.GetCumulativeCount() > below {
			bound, below = bucket.GetUpperBound(), bucket.GetCumulativeCount()
		}
	}
	if n := len(s.GetHistogram().GetBucket()); s.GetHistogram().GetSampleCount() > below && n > 0 {
		return lastBound(s.GetHistogram().GetBucket())
	}
	return bound
}

func lastBound(buckets []*dto.Bucket) float64 {
	for i := len(buckets) - 1; i >= 0; i-- {
		if bound := buckets[i].GetUpperBound(); !math.IsInf(bound, 1) {
			return bound
		}
	}
	return 0
}

func highestQuantile(s *dto.Metric) float64 {
	var most float64
	for _, q := range s.GetSummary().GetQuantile() {
		if !math.IsNaN(q.GetValue()) {
			most = max(most, q.GetValue())
		}
	}
	return most
}
