package deployed

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What compose.yaml says is what is run here: the commands, the environment,
// the order, the health checks and the grace periods are the file's, and so is
// the configuration of the Prometheus that watches them. The
// commands that people know work on it.
func TestWhatComposeStartsWorks(t *testing.T) {
	s := newSite(t, "../../deployments/compose.yaml")
	database, err := all.Database(t.Context(), "millrace")
	if err != nil {
		t.Fatal(err)
	}
	s.expectReader(database)
	order := s.order()
	if len(order) != 4 {
		t.Fatalf("%d services are built here", len(order))
	}
	for _, name := range order {
		s.start(name)
	}
	const shipper, consumer, producer, gateway = "log-shipper:8082", "log-consumer:8083", "log-producer:8081", "api-gateway:8080"

	recent := func() (logs []json.RawMessage) {
		if status, body := s.get(gateway, "/api/query/recent"); status != 200 || json.Unmarshal([]byte(body), &logs) != nil {
			t.Fatalf("%d %s", status, body)
		}
		return logs
	}
	eventually(t, "logs flow to the gateway", func() bool { return len(recent()) > 0 })
	for metric, service := range map[string]string{
		"logs.generated": producer, "logs.received": shipper, "batches.sent": shipper, "logs.stored": consumer,
	} {
		if n := s.count(service, metric); n == 0 {
			t.Errorf("%s of %s is 0", metric, service)
		}
	}
	for _, metric := range []string{"buffer.size", "logs.dropped"} {
		s.count(shipper, metric)
	}
	if out, err := command(t, s.env("log-consumer"), binary, "doctor"); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}

	s.expectWatched(s.startPrometheus())

	// Backpressure: without its consumer, Kafka holds what comes.
	s.stop("log-consumer")
	sent := s.count(shipper, "logs.sent")
	eventually(t, "more is sent to Kafka", func() bool { return s.count(shipper, "logs.sent") > sent })
	s.start("log-consumer")

	load := tool(t, "load")
	out, err := command(t, nil, load, "-shipper", s.url(shipper), "-gateway", s.url(gateway), "-requests", "300", "-time", "3s", "-size", "11", "-protocol", "otlp")
	if err != nil || !strings.Contains(out, "accepted        3300 logs") || !strings.Contains(out, "stored          3300 logs") {
		t.Errorf("load: %v\n%s", err, out)
	}

	// Graceful shutdown: what is in the shipper's hands is not lost.
	s.stop("log-producer")
	received := s.count(shipper, "logs.received")
	s.stop("log-shipper")
	eventually(t, "everything that was received is stored, once", func() bool {
		out, err = command(t, []string{"MILLRACE_GATEWAY_URL=" + s.url(gateway)}, binary, "verify", "--settle=0s")
		return err == nil && strings.Contains(out, fmt.Sprintf("whole: %d logs", received))
	})
	s.stop("log-consumer")
	s.stop("api-gateway")
}
