package actuator

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"millrace/app"
)

type metrics struct{ gatherer prometheus.Gatherer }

// names answers GET /actuator/metrics.
func (m *metrics) names(c echo.Context) error {
	all, err := m.gather()
	if err != nil {
		return err
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return c.JSON(http.StatusOK, map[string][]string{"names": names})
}

// description is one metric, as Spring Boot shows it.
type description struct {
	Name         string        `json:"name"`
	Description  string        `json:"description"`
	BaseUnit     *string       `json:"baseUnit"` // null for a plain number
	Measurements []measurement `json:"measurements"`
	Tags         []tag         `json:"availableTags"`
}

// tag is a label that tells the series of a metric apart.
type tag struct {
	Tag    string   `json:"tag"`
	Values []string `json:"values"`
}

// one answers GET /actuator/metrics/NAME?tag=KEY:VALUE.
func (m *metrics) one(c echo.Context) error {
	filter, err := tagFilter(c.QueryParams()["tag"])
	if err != nil {
		return err
	}
	all, err := m.gather()
	if err != nil {
		return err
	}
	found, ok := find(all, c.Param("name"))
	if !ok {
		return app.Errorf(app.KindNotFound, "there is no metric %q: see /actuator/metrics", c.Param("name"))
	}
	series := matching(found.family.GetMetric(), filter)
	if len(series) == 0 {
		return app.Errorf(app.KindNotFound, "%s has no series with these tags: see /actuator/metrics/%s", found.name, found.name)
	}
	out := description{
		Name:         found.name,
		Description:  found.family.GetHelp(),
		Measurements: measure(found, series),
		Tags:         tags(series, filter),
	}
	if found.unit != "" {
		out.BaseUnit = &found.unit
	}
	return c.JSON(http.StatusOK, out)
}

// gather returns what can be gathered: one broken collector does not hide the
// others.
func (m *metrics) gather() ([]metric, error) {
	families, err := m.gatherer.Gather()
	if err != nil && len(families) == 0 {
		return nil, err
	}
	return catalogue(families), nil
}

// tagFilter reads KEY:VALUE; a value may hold colons.
func tagFilter(given []string) (map[string]string, error) {
	filter := map[string]string{}
	for _, text := range given {
		key, value, ok := strings.Cut(text, ":")
		if !ok || key == "" {
			return nil, &app.Error{Kind: app.KindInvalid, Field: "tag", Message: "tag is " + text + ": want KEY:VALUE"}
		}
		filter[key] = value
	}
	return filter, nil
}

// matching returns the series that have all labels of the filter.
func matching(series []*dto.Metric, filter map[string]string) []*dto.Metric {
	var out []*dto.Metric
	for _, s := range series {
		if has := labels(s); len(filter) == 0 || containsAll(has, filter) {
			out = append(out, s)
		}
	}
	return out
}

func containsAll(has, want map[string]string) bool {
	for key, value := range want {
		if got, ok := has[key]; !ok || got != value {
			return false
		}
	}
	return true
}

func labels(s *dto.Metric) map[string]string {
	out := make(map[string]string, len(s.GetLabel()))
	for _, pair := range s.GetLabel() {
		out[pair.GetName()] = pair.GetValue()
	}
	return out
}

func sameLabels(a, b *dto.Metric) bool { return maps.Equal(labels(a), labels(b)) }

// tags returns the labels that are left to choose by.
func tags(series []*dto.Metric, filter map[string]string) []tag {
	values := map[string]map[string]bool{}
	for _, s := range series {
		for key, value := range labels(s) {
			if values[key] == nil {
				values[key] = map[string]bool{}
			}
			values[key][value] = true
		}
	}
	out := []tag{} // [] and not null when there are none
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if _, chosen := filter[key]; !chosen {
			out = append(out, tag{key, slices.Sorted(maps.Keys(values[key]))})
		}
	}
	return out
}
