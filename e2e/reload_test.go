package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A role follows its settings file while it runs, as far as that can be.
func TestTheSettingsFileIsFollowed(t *testing.T) {
	p := newPipeline(t)
	p.env = slices.DeleteFunc(p.env, func(entry string) bool { return strings.HasPrefix(entry, "MILLRACE_PRODUCER_RATE=") })
	file := filepath.Join(t.TempDir(), "millrace.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("producer: {rate: 3}\n")
	producer := p.start("producer", "MILLRACE_CONFIG="+file)
	expect := func(rate, level string) {
		t.Helper()
		eventually(t, "the rate is "+rate+" and the level "+level, func() bool {
			return strings.Contains(p.get("producer", "/api/rate").body, `{"rate":`+rate+`}`) &&
				strings.Contains(p.get("producer", "/actuator/loggers/ROOT").body, `"effectiveLevel":"`+level+`"`)
		})
	}
	logged := func(parts ...string) {
		t.Helper()
		eventually(t, "it is logged "+strings.Join(parts, ", "), func() bool {
			return slices.ContainsFunc(strings.Split(producer.Output(), "\n"), func(line string) bool {
				return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
			})
		})
	}
	expect("3", "INFO")

	write("producer: {rate: 7}\nlog-level: debug\nkafka: {partitions: 9}\n")
	expect("7", "DEBUG")
	logged("need a restart", "kafka-partitions")

	write("producer: {rate: 8}\nlog-level: loud\n")
	logged("left as they were", "log-level")
	expect("7", "DEBUG")

	// What was changed over HTTP stays until the file says otherwise.
	status, _ := p.status(http.DefaultClient, http.MethodPut, "http://"+p.addr["producer"]+"/api/rate", "", `{"rate":5}`)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	write("producer: {rate: 7}\nlog-level: warn\n")
	expect("5", "WARN")
}
