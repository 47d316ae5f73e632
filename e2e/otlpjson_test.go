package e2e

import (
	"encoding/json"
	"strconv"
	"time"
)

// otlpValue is an AnyValue in OTLP's JSON.
type otlpValue struct {
	StringValue *string      `json:"stringValue"`
	BoolValue   *bool        `json:"boolValue"`
	IntValue    *json.Number `json:"intValue"`
	DoubleValue *json.Number `json:"doubleValue"`
	ArrayValue  *struct {
		Values []otlpValue `json:"values"`
	} `json:"arrayValue"`
	KvlistValue *struct {
		Values otlpList `json:"values"`
	} `json:"kvlistValue"`
}

type otlpList []struct {
	Key   string    `json:"key"`
	Value otlpValue `json:"value"`
}

func (l otlpList) object() map[string]any {
	object := map[string]any{}
	for _, member := range l {
		object[member.Key] = member.Value.value()
	}
	return object
}

func (v otlpValue) value() any {
	switch {
	case v.StringValue != nil:
		return *v.StringValue
	case v.BoolValue != nil:
		return *v.BoolValue
	case v.IntValue != nil:
		return *v.IntValue
	case v.DoubleValue != nil:
		return *v.DoubleValue
	case v.ArrayValue != nil:
		list := []any{}
		for _, value := range v.ArrayValue.Values {
			list = append(list, value.value())
		}
		return list
	case v.KvlistValue != nil:
		return v.KvlistValue.Values.object()
	default:
		return nil
	}
}

// eachOTLP visits the logs of an ExportLogsServiceRequest in JSON.
func eachOTLP(line []byte, visit func(*shownLog) error) error {
	var request struct {
		ResourceLogs []struct {
			Resource  struct{ Attributes otlpList }
			ScopeLogs []struct {
				LogRecords []struct {
					TimeUnixNano   string
					SeverityNumber int
					Body           otlpValue
					Attributes     otlpList
					TraceID        string `json:"traceId"`
					SpanID         string `json:"spanId"`
				}
			}
		}
	}
	if err := decode(line, &request); err != nil {
		return err
	}
	for _, resource := range request.ResourceLogs {
		of := resource.Resource.Attributes.object()
		for _, scope := range resource.ScopeLogs {
			for _, record := range scope.LogRecords {
				nanos, err := strconv.ParseInt(record.TimeUnixNano, 10, 64)
				if err != nil {
					return err
				}
				log := &shownLog{
					Timestamp: time.Unix(0, nanos), Level: oddLevels[(record.SeverityNumber-1)/4], Attributes: record.Attributes.object(), TraceID: record.TraceID, SpanID: record.SpanID,
				}
				log.Message, _ = record.Body.value().(string)
				log.Service, _ = of["service.name"].(string)
				log.Host, _ = of["host.name"].(string)
				if err := visit(log); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
