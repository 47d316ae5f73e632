package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// numberKey is the attribute by which a log is known again.
const numberKey = "n"

// protocol is a way to write logs into a request.
type protocol struct {
	path, contentType string
	encode            func(logs []entry) ([]byte, error)
}

var protocols = map[string]protocol{
	"json":      {"/api/logs", "application/json", encodeJSON},
	"ndjson":    {"/api/logs", "application/x-ndjson", encodeNDJSON},
	"otlp":      {"/v1/logs", "application/x-protobuf", encodeOTLP},
	"otlp-json": {"/v1/logs", "application/json", encodeOTLPJSON},
}

func protocolNames() string { return strings.Join(slices.Sorted(maps.Keys(protocols)), ", ") }

// entry is a log to send.
type entry struct {
	Timestamp  time.Time         `json:"timestamp"`
	Level      string            `json:"level"`
	Service    string            `json:"service"`
	Message    string            `json:"message"`
	Attributes map[string]uint64 `json:"attributes"`
}

// bodies makes the requests of a run. Safe for concurrent use.
type bodies struct {
	service string
	size    int // logs in each request
	filler  string
	encode  func([]entry) ([]byte, error)
}

// newBodies makes requests of size logs, each message of so many bytes at the
// least. The name that it gives the run is the service of its logs.
func newBodies(p protocol, size, bytes int) *bodies {
	name := make([]byte, 4)
	for i := range name {
		name[i] = byte(rand.Uint32())
	}
	return &bodies{
		service: "load-" + hex.EncodeToString(name), size: size,
		filler: strings.Repeat("x", bytes), encode: p.encode,
	}
}

// request returns the body of request k, whose logs are numbered from k*size.
func (b *bodies) request(k uint64) ([]byte, error) {
	logs := make([]entry, b.size)
	for i := range logs {
		n := k*uint64(b.size) + uint64(i)
		message := fmt.Sprintf("request %d, log %d ", k, n)
		if short := len(b.filler) - len(message); short > 0 {
			message += b.filler[:short]
		}
		logs[i] = entry{
			Timestamp: time.Now(), Level: "INFO", Service: b.service, Message: message,
			Attributes: map[string]uint64{numberKey: n},
		}
	}
	return b.encode(logs)
}

func encodeJSON(logs []entry) ([]byte, error) {
	if len(logs) == 1 {
		return json.Marshal(logs[0])
	}
	return json.Marshal(logs)
}

func encodeNDJSON(logs []entry) ([]byte, error) {
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	for _, log := range logs {
		if err := lines.Encode(log); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func encodeOTLP(logs []entry) ([]byte, error) { return proto.Marshal(resourceLogs(logs)) }

func encodeOTLPJSON(logs []entry) ([]byte, error) { return protojson.Marshal(resourceLogs(logs)) }

// resourceLogs has the fields of an ExportLogsServiceRequest.
func resourceLogs(logs []entry) *logspb.LogsData {
	text := func(s string) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
	}
	records := make([]*logspb.LogRecord, len(logs))
	for i, log := range logs {
		records[i] = &logspb.LogRecord{
			TimeUnixNano: uint64(log.Timestamp.UnixNano()), SeverityNumber: logspb.SeverityNumber_SEVERITY_NUMBER_INFO, Body: text(log.Message),
			Attributes: []*commonpb.KeyValue{{Key: numberKey, Value: &commonpb.AnyValue{
				Value: &commonpb.AnyValue_IntValue{IntValue: int64(log.Attributes[numberKey])},
			}}},
		}
	}
	return &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{
		Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{Key: "service.name", Value: text(logs[0].Service)}}},
		ScopeLogs: []*logspb.ScopeLogs{{LogRecords: records}},
	}}}
}
