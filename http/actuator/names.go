package actuator

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// companion ends the name of a gauge that keeps the largest value that the
// histogram or summary before it has seen, as Micrometer names it.
const companion = "_max"

// metric is a family of series under Spring's name.
type metric struct {
	name   string
	unit   string // seconds, bytes, or nothing
	family *dto.MetricFamily
	max    *dto.MetricFamily // the companion, if there is one
}

// catalogue names all families, sorted by Spring's names.
//
// Spring's name is Prometheus' with dots for underscores, without _total and
// without _seconds: logs_sent_total is logs.sent, and
// batch_flush_duration_seconds is batch.flush.duration. Where two families
// would have the same name, the later keeps what tells it from the other.
func catalogue(families []*dto.MetricFamily) []metric {
	companions := map[string]*dto.MetricFamily{}
	for _, family := range families {
		if isDistribution(family) {
			companions[family.GetName()+companion] = nil
		}
	}
	for _, family := range families {
		if _, ok := companions[family.GetName()]; ok {
			companions[family.GetName()] = family
		}
	}
	var all []metric
	taken := map[string]bool{}
	for _, family := range families {
		if companions[family.GetName()] == family {
			continue
		}
		name, unit := springName(family)
		if taken[name] {
			name = dotted(family.GetName())
		}
		taken[name] = true
		all = append(all, metric{name, unit, family, companions[family.GetName()+companion]})
	}
	slices.SortFunc(all, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return all
}

// find returns the metric that is meant: by Spring's name, or by Prometheus',
// with dots or underscores.
func find(all []metric, name string) (metric, bool) {
	name = dotted(name)
	for _, m := range all {
		if m.name == name {
			return m, true
		}
	}
	for _, m := range all {
		if dotted(m.family.GetName()) == name {
			return m, true
		}
	}
	return metric{}, false
}

func isDistribution(family *dto.MetricFamily) bool {
	switch family.GetType() {
	case dto.MetricType_HISTOGRAM, dto.MetricType_SUMMARY, dto.MetricType_GAUGE_HISTOGRAM:
		return true
	default:
		return false
	}
}

func springName(family *dto.MetricFamily) (name, unit string) {
	name = family.GetName()
	if family.GetType() == dto.MetricType_COUNTER {
		name = strings.TrimSuffix(name, "_total")
	}
	if short, ok := strings.CutSuffix(name, "_seconds"); ok && short != "" {
		return dotted(short), "seconds"
	}
	if strings.HasSuffix(name, "_bytes") {
		return dotted(name), "bytes"
	}
	return dotted(name), ""
}

func dotted(name string) string { return strings.ReplaceAll(name, "_", ".") }
