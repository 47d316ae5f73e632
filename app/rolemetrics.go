package app

import "time"

// RoleMetrics is what one role says of itself now.
type RoleMetrics struct {
	Role    string // shipper, consumer or producer
	URL     string
	At      time.Time
	Error   string // why there are no Metrics
	Metrics []Metric
}

// Metric is one series of a counter or a gauge, or a part of a histogram's: its
// NAME_sum, its NAME_count, or a NAME_bucket with the label le.
type Metric struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Sum adds up all series of a name; ok tells whether there is any.
func (r *RoleMetrics) Sum(name string) (sum float64, ok bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			sum += m.Value
			ok = true
		}
	}
	return sum, ok
}
