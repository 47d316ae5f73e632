package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"millrace/app"
)

// Meter counts what goes between clients and brokers, over all clients whose
// settings Count changed. Safe for concurrent use.
type Meter struct{ registry metrics.Registry }

// NewMeter returns a Meter.
func NewMeter() *Meter { return &Meter{kept{metrics.NewRegistry()}} }

// kept is a registry that forgets nothing: sarama takes its counters back with
// each connection that it closes, and they would begin at zero again and again.
type kept struct{ metrics.Registry }

// Unregister implements metrics.Registry.
func (kept) Unregister(string) {}

// Count makes a client that is yet to be made count here.
func (m *Meter) Count(client *sarama.Config) { client.MetricRegistry = m.registry }

// requests are the names of the requests that our clients send, by the number
// that Kafka's protocol gives them.
var requests = map[int]string{
	0: "produce", 1: "fetch", 2: "list_offsets", 3: "metadata",
	8: "offset_commit", 9: "offset_fetch", 10: "find_coordinator",
	11: "join_group", 12: "heartbeat", 13: "leave_group", 14: "sync_group",
	17: "sasl_handshake", 18: "api_versions", 19: "create_topics", 36: "sasl_authenticate",
}

// Traffic returns what was counted.
func (m *Meter) Traffic() app.Traffic {
	t := app.Traffic{
		Requests:  map[string]int64{},
		Responses: m.marks("response-rate"),
		SentBytes: m.marks("outgoing-byte-rate"),
		ReadBytes: m.marks("incoming-byte-rate"),
	}
	for number, name := range requests {
		if n := m.marks(fmt.Sprintf("protocol-requests-rate-%d", number)); n > 0 {
			t.Requests[name] = n
		}
	}
	if inFlight, ok := m.registry.Get("requests-in-flight").(metrics.Counter); ok {
		t.InFlight = inFlight.Count()
	}
	return t
}

// marks returns how often a meter was marked.
func (m *Meter) marks(name string) int64 {
	meter, ok := m.registry.Get(name).(metrics.Meter)
	if !ok {
		return 0 // nothing was sent yet
	}
	return meter.Count()
}
