package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// way is a way to hand in logs.
type way struct {
	name, path, contentType string
	body                    func(texts []string) ([]byte, error)
}

// ways are all of the shipper's.
var ways = []way{
	{"JSON", "/api/logs", "application/json", func(texts []string) ([]byte, error) { return json.Marshal(plain(texts)[0]) }},
	{"JSON array", "/api/logs", "application/json", func(texts []string) ([]byte, error) { return json.Marshal(plain(texts)) }},
	{"NDJSON", "/api/logs", "application/x-ndjson", ndjson},
	{"OTLP protobuf", "/v1/logs", "application/x-protobuf", func(texts []string) ([]byte, error) { return proto.Marshal(export(texts)) }},
	{"OTLP JSON", "/v1/logs", "application/json", func(texts []string) ([]byte, error) { return protojson.Marshal(export(texts)) }},
}

// single tells whether the way takes one log a request.
func (w way) single() bool { return w.name == "JSON" }

type plainLog struct {
	Service    string         `json:"service"`
	Level      string         `json:"level"`
	Message    string         `json:"message"`
	Attributes map[string]any `json:"attributes"`
}

func plain(texts []string) []plainLog {
	all := make([]plainLog, len(texts))
	for i, text := range texts {
		all[i] = plainLog{service, "WARN", text, map[string]any{"place": i}}
	}
	return all
}

func ndjson(texts []string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	for _, log := range plain(texts) {
		if err := encoder.Encode(log); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func export(texts []string) *collector.ExportLogsServiceRequest {
	scope := &logs.ScopeLogs{}
	for i, text := range texts {
		scope.LogRecords = append(scope.LogRecords, &logs.LogRecord{
			SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_WARN,
			Body:           stringValue(text),
			Attributes:     []*common.KeyValue{{Key: "place", Value: stringValue(strconv.Itoa(i))}},
		})
	}
	return &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: stringValue(service)}}},
		ScopeLogs: []*logs.ScopeLogs{scope},
	}}}
}

func stringValue(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

// messages returns the texts of the logs in a record of Kafka's.
func messages(record []byte) ([]string, error) {
	var request collector.ExportLogsServiceRequest
	if err := proto.Unmarshal(record, &request); err != nil {
		return nil, err
	}
	var texts []string
	for _, r := range request.ResourceLogs {
		for _, s := range r.ScopeLogs {
			for _, log := range s.LogRecords {
				texts = append(texts, log.Body.GetStringValue())
			}
		}
	}
	return texts, nil
}

// compressions are the ways to make a body smaller, by Content-Encoding.
var compressions = []string{"", "", "gzip", "zstd"}

func compressed(body []byte, how string) ([]byte, error) {
	var b bytes.Buffer
	switch how {
	case "gzip":
		return compressedBy(&b, gzip.NewWriter(&b), body)
	case "zstd":
		w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return compressedBy(&b, w, body)
	default:
		return body, nil
	}
}

func compressedBy(into *bytes.Buffer, w io.WriteCloser, body []byte) ([]byte, error) {
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return into.Bytes(), nil
}
