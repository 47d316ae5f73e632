package app

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// MarshalJSON writes the log as the API shows it; see AppendJSON.
func (l Log) MarshalJSON() ([]byte, error) { return l.AppendJSON(nil), nil }

// AppendJSON appends the log as one JSON object to dst and returns the result.
// Members that are empty are left out, but for timestamp, level, service,
// host and message. Invalid UTF-8 becomes U+FFFD. It allocates only to grow dst.
func (l *Log) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if l.ID != 0 {
		dst = append(dst, `"id":"`...)
		dst = append(dst, l.ID.String()...)
		dst = append(dst, `",`...)
	} else if live, ok := l.LiveID(); ok {
		dst = append(AppendJSONString(append(dst, `"id":`...), live.String()), ',')
	}
	dst = append(dst, `"timestamp":"`...)
	dst = l.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","level":"`...)
	dst = append(dst, l.Level.String()...)
	dst = append(dst, '"')
	dst = appendMember(dst, "service", l.Service)
	dst = appendMember(dst, "host", l.Host)
	dst = appendMember(dst, "message", l.Message)
	if len(l.Attributes) > 0 {
		dst = append(dst, `,"attributes":`...)
		dst = append(dst, l.Attributes...)
	}
	if l.TraceID != "" {
		dst = appendMember(dst, "trace_id", l.TraceID)
	}
	if l.SpanID != "" {
		dst = appendMember(dst, "span_id", l.SpanID)
	}
	if !l.ReceivedAt.IsZero() {
		dst = append(dst, `,"received_at":"`...)
		dst = l.ReceivedAt.UTC().AppendFormat(dst, time.RFC3339Nano)
		dst = append(dst, '"')
	}
	if l.BatchID != "" {
		dst = appendMember(dst, "batch_id", l.BatchID)
	}
	return append(dst, '}')
}

// UnmarshalJSON reads what AppendJSON wrote.
func (l *Log) UnmarshalJSON(data []byte) error {
	var in struct {
		ID         string          `json:"id"`
		Timestamp  time.Time       `json:"timestamp"`
		Level      string          `json:"level"`
		Service    string          `json:"service"`
		Host       string          `json:"host"`
		Message    string          `json:"message"`
		Attributes json.RawMessage `json:"attributes"`
		TraceID    string          `json:"trace_id"`
		SpanID     string          `json:"span_id"`
		ReceivedAt time.Time       `json:"received_at"`
		BatchID    string          `json:"batch_id"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	var id LogID
	place := 0
	if live, ok := ParseLiveID(in.ID); ok && live.Batch == in.BatchID {
		place = live.Place + 1
	} else if in.ID != "" {
		var err error
		if id, err = ParseLogID(in.ID); err != nil {
			return err
		}
	}
	level, _ := ParseLevel(in.Level)
	*l = Log{
		ID: id, BatchID: in.BatchID, Place: place, Time: in.Timestamp, ReceivedAt: in.ReceivedAt, Level: level,
		Service: in.Service, Host: in.Host, Message: in.Message, Attributes: in.Attributes,
		TraceID: in.TraceID, SpanID: in.SpanID,
	}
	return nil
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return AppendJSONString(dst, value)
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends s to dst as a JSON string, quotes included.
// Invalid UTF-8 becomes U+FFFD; "<", ">" and "&" stay as they are.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= ' ' && b != '"' && b != '\\' && b < utf8.RuneSelf {
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscaped(dst, b)
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendEscaped appends a byte that may not stand in a JSON string as it is.
func appendEscaped(dst []byte, b byte) []byte {
	switch {
	case b >= utf8.RuneSelf: // no part of valid UTF-8
		return append(dst, "\ufffd"...)
	case b == '"' || b == '\\':
		return append(dst, '\\', b)
	case b == '\n':
		return append(dst, '\\', 'n')
	case b == '\r':
		return append(dst, '\\', 'r')
	case b == '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
	}
}
