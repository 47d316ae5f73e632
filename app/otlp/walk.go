package otlp

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"millrace/app"
)

// walker is one walk over a payload. Its methods return false to stop, for
// the payload cannot be read or nobody wants more.
type walker struct {
	received time.Time
	yield    func(*app.Log, error) bool
	stopped  bool // by yield

	log      app.Log
	resource members // the current resource's attributes
	shared   common  // what each log of the current scope gets
	own      members // the current log's attributes
	scratch  []byte  // text made for the current log
	renderer renderer
}

// request walks a whole payload.
func (w *walker) request(payload []byte) bool {
	f := fields{buf: payload}
	for f.next() {
		if f.is(requestResourceLogs) && !w.resourceLogs(f.bytes) {
			return false
		}
	}
	return !f.broken
}

// resourceLogs walks one resource's logs. The resource may stand behind them.
func (w *walker) resourceLogs(message []byte) bool {
	w.resource.reset()
	f := fields{buf: message}
	for f.next() {
		if f.is(resourceLogsResource) && !w.resource.putAll(f.bytes, resourceAttributes) {
			return false
		}
	}
	if f.broken {
		return false
	}
	w.log.Service = w.resource.takeText("service.name")
	w.log.Host = w.resource.takeText("host.name")
	for f = (fields{buf: message}); f.next(); {
		if f.is(resourceLogsScopeLogs) && !w.scopeLogs(f.bytes) {
			return false
		}
	}
	return true
}

// scopeLogs walks one scope's logs. The scope may stand behind them.
func (w *walker) scopeLogs(message []byte) bool {
	if !w.share(message) {
		return false
	}
	for f := (fields{buf: message}); f.next(); {
		if !f.is(scopeLogsRecords) {
			continue
		}
		if !w.record(f.bytes) {
			return false
		}
		if !w.yield(&w.log, nil) {
			w.stopped = true
			return false
		}
	}
	return true
}

// record fills the Log from one LogRecord.
func (w *walker) record(message []byte) bool {
	w.own.reset()
	w.scratch = w.scratch[:0]
	w.log.Message, w.log.TraceID, w.log.SpanID = "", "", ""
	var e extras
	var at, observed uint64
	ok := true
	f := fields{buf: message}
	for ok && f.next() {
		switch {
		case f.typ == protowire.BytesType:
			ok = w.recordBytes(&f, &e)
		case f.num == recordTime && f.typ == protowire.Fixed64Type:
			at = f.number
		case f.num == recordObserved && f.typ == protowire.Fixed64Type:
			observed = f.number
		case f.num == recordSeverityNumber && f.typ == protowire.VarintType:
			e.severity = int32(f.number)
		case f.num == recordDropped && f.typ == protowire.VarintType:
			e.dropped = uint32(f.number)
		case f.num == recordFlags && f.typ == protowire.Fixed32Type:
			e.flags = uint32(f.number)
		}
	}
	if !ok || f.broken {
		return false
	}
	w.times(at, observed)
	w.log.Level = e.level()
	return w.attributes(&e)
}

// recordBytes takes a field of a LogRecord that is text, bytes or a message.
func (w *walker) recordBytes(f *fields, e *extras) (ok bool) {
	switch f.num {
	case recordBody:
		return w.message(f.bytes)
	case recordAttributes:
		return w.own.putKeyValue(f.bytes)
	case recordSeverityText:
		e.text = alias(f.bytes)
	case recordEventName:
		e.event = alias(f.bytes)
	case recordTraceID:
		w.log.TraceID = w.hexID(f.bytes, 16)
	case recordSpanID:
		w.log.SpanID = w.hexID(f.bytes, 8)
	}
	return true
}

// message sets the Message from a body.
func (w *walker) message(body []byte) bool {
	v := lastValue(body)
	if v.broken {
		return false
	}
	switch v.kind {
	case 0:
		w.log.Message = ""
		return true
	case valueString:
		w.log.Message = alias(v.bytes)
		return true
	}
	start := len(w.scratch)
	var ok bool
	w.scratch, ok = w.renderer.appendValue(w.scratch, body, 0)
	w.log.Message = alias(w.scratch[start:])
	return ok
}

// times sets the times from nanoseconds since 1970, where 0 is unknown.
func (w *walker) times(at, observed uint64) {
	w.log.ReceivedAt = w.received
	if observed != 0 {
		w.log.ReceivedAt = unixNano(observed)
	}
	w.log.Time = w.log.ReceivedAt
	if at != 0 {
		w.log.Time = unixNano(at)
	}
}

// unixNano is good for all of uint64, that is until the year 2554.
func unixNano(n uint64) time.Time {
	return time.Unix(int64(n/1e9), int64(n%1e9)).UTC()
}

// hexID returns an id of size bytes in hexadecimal, or nothing if it is none.
func (w *walker) hexID(id []byte, size int) string {
	if len(id) != size || binary.LittleEndian.Uint64(id)|binary.LittleEndian.Uint64(id[size-8:]) == 0 {
		return ""
	}
	start := len(w.scratch)
	w.scratch = hex.AppendEncode(w.scratch, id)
	return alias(w.scratch[start:])
}

// extras is what a LogRecord says beyond the members of app.Log.
type extras struct {
	severity       int32
	text, event    string
	dropped, flags uint32
}

func (e *extras) level() app.Level {
	if l := app.LevelOfSeverity(e.severity); l != 0 {
		return l
	}
	if l, ok := app.ParseLevel(e.text); ok {
		return l
	}
	return app.LevelInfo
}

// attributes renders the log's attributes, the extras and the shared ones.
func (w *walker) attributes(e *extras) bool {
	level := w.log.Level
	if e.event != "" {
		w.extra("event.name", func(dst []byte) []byte { return appendText(dst, e.event) })
	}
	if e.text != "" && !strings.EqualFold(e.text, level.String()) {
		w.extra("severity_text", func(dst []byte) []byte { return appendText(dst, e.text) })
	}
	if e.severity != 0 && e.severity != level.Severity() {
		w.extra("severity_number", func(dst []byte) []byte { return strconv.AppendInt(dst, int64(e.severity), 10) })
	}
	if e.flags != 0 {
		w.extra("flags", func(dst []byte) []byte { return strconv.AppendUint(dst, uint64(e.flags), 10) })
	}
	if e.dropped != 0 {
		w.extra("dropped_attributes_count", func(dst []byte) []byte { return strconv.AppendUint(dst, uint64(e.dropped), 10) })
	}
	shared := w.shared.json
	if w.own.meets(&w.shared.members) {
		shared = nil
		for _, m := range w.shared.list {
			w.own.addFree(m)
		}
	}
	w.log.Attributes = nil
	if len(w.own.list) == 0 && len(shared) == 0 {
		return true
	}
	start := len(w.scratch)
	w.scratch = append(w.scratch, '{')
	var ok bool
	w.scratch, ok = w.renderer.appendMembers(w.scratch, &w.own, 0)
	if len(w.own.list) > 0 && len(shared) > 0 {
		w.scratch = append(w.scratch, ',')
	}
	w.scratch = append(append(w.scratch, shared...), '}')
	w.log.Attributes = w.scratch[start:len(w.scratch):len(w.scratch)]
	return ok
}

func (w *walker) extra(key string, render func([]byte) []byte) {
	start := len(w.scratch)
	w.scratch = render(w.scratch)
	w.own.addFree(member{key: key, prefix: "log.", value: w.scratch[start:], rendered: true})
}

// alias returns b as a string without a copy.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
