// Package deployments_test checks what stands in this folder as far as that
// goes without running anything; e2e runs it.
package deployments_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func read(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

type rules struct {
	Groups []struct {
		Rules []struct {
			Alert       string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

type ruleTests struct {
	Tests []struct {
		Alerts []struct {
			Name     string           `yaml:"alertname"`
			Expected []map[string]any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

// Each alert has a runbook that is there, and a test in which it fires and one in
// which it does not.
func TestEachAlertHasARunbookAndTests(t *testing.T) {
	var alerts rules
	read(t, "prometheus/rules/alerts.yml", &alerts)
	var tests ruleTests
	read(t, "prometheus/tests/alerts_test.yml", &tests)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, a := range test.Alerts {
			if len(a.Expected) > 0 {
				fires[a.Name] = true
			} else {
				quiet[a.Name] = true
			}
		}
	}
	sections := sectionsOf(t, "../docs/runbooks.md")
	used := map[string]bool{}
	for _, group := range alerts.Groups {
		for _, rule := range group.Rules {
			if !fires[rule.Alert] || !quiet[rule.Alert] {
				t.Errorf("%s: tested firing %v, not firing %v", rule.Alert, fires[rule.Alert], quiet[rule.Alert])
			}
			section, ok := strings.CutPrefix(rule.Annotations["runbook_url"], "docs/runbooks.md#")
			if !ok || !sections[section] {
				t.Errorf("%s: there is no %q", rule.Alert, rule.Annotations["runbook_url"])
			}
			used[section] = true
			if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" || rule.Labels["severity"] == "" {
				t.Errorf("%s lacks a summary, a description or a severity", rule.Alert)
			}
		}
	}
	if len(used) == 0 {
		t.Error("there are no alerts")
	}
	for section := range sections {
		if !used[section] {
			t.Errorf("the runbook %s belongs to no alert", section)
		}
	}
}

var heading = regexp.MustCompile(`(?m)^## (.+)$`)

// sectionsOf returns the names under which a page's sections are linked to.
func sectionsOf(t *testing.T, path string) map[string]bool {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for _, match := range heading.FindAllSubmatch(page, -1) {
		sections[strings.ReplaceAll(strings.ToLower(string(match[1])), " ", "-")] = true
	}
	return sections
}
