package otlp

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"millrace/app"
)

// Intake says what logs get that they do not bring along.
type Intake struct {
	Received time.Time // when Millrace got them: their observed time, and the time of those without one
	Service  string    // of logs that name none; may be empty
	Host     string    // of logs that name none; may be empty
}

// FromJSON turns plain JSON, one object or an array of objects, into a payload
// and says how many logs it holds. An empty array holds none. Either all logs
// are taken or, with an error, none.
//
// These members are understood, whatever their case and with or without ".",
// "_", "-" and "@" in them. Where a log has several for the same thing, the
// first named here counts and the others become attributes.
//
//	timestamp, time, ts, datetime, asctime,   RFC 3339, or a number; see below
//	date                                      (a date that is no such time is an attribute)
//	level, severity, loglevel, lvl, levelname, severity_text, severity_number
//	service, service_name, app, application, app_name, application_name
//	host, hostname
//	message, msg, body, log, text
//	trace_id                                  32 hexadecimal digits (or 16, as Zipkin writes them)
//	span_id                                   16 hexadecimal digits
//	attributes                                an object; its members become attributes
//
// Every other member becomes an attribute; of members of the same name the
// last counts. A null is as if it were not there, but in attributes. The first
// name of each line must have a value of the right type; a value of another
// type under one of the other names makes it an attribute. Strings that are
// empty count as missing.
//
// Times: RFC 3339 with any fraction and offset; "T" may be a space, "." a
// comma, and a missing offset means UTC. Numbers, also in quotes, are the time
// since 1970 in seconds below 1e11, milliseconds below 1e14, microseconds
// below 1e17, else nanoseconds; digits beyond nanoseconds are cut. OTLP holds
// the years 1970 to 2554. A missing time, and Go's zero time, is in.Received.
//
// Levels: a name or synonym that app.ParseLevel knows; any other text is INFO
// and kept as severity text. Numbers: 10, 20, … 60 as pino and
// bunyan write them (30 is INFO); else 1 to 24 as OpenTelemetry does. Under
// severity_number all are OpenTelemetry's.
//
// Numbers in attributes stay integers when they fit into 64 bits, and become
// doubles when that loses nothing; else they become strings of their digits.
// Values may nest 64 deep.
//
// The text must be UTF-8, since nothing is changed silently. A byte order mark
// is skipped. An error is of app.KindInvalid, its Line the element of the
// array, its Field the member's name as it was written.
func FromJSON(body []byte, in Intake) (payload []byte, count int, err error) {
	return convert(body, in, (*reader).readJSON)
}

// FromNDJSON is FromJSON for one object a line. Blank lines are skipped, and
// lines may end in "\r\n". The Line of an error is the line.
func FromNDJSON(body []byte, in Intake) (payload []byte, count int, err error) {
	return convert(body, in, (*reader).readLines)
}

func convert(body []byte, in Intake, read func(*reader) error) ([]byte, int, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, 0, app.Errorf(app.KindInvalid, "the body is empty: send at least one log")
	}
	r := readers.Get().(*reader)
	defer r.release()
	r.start(body, in)
	if err := read(r); err != nil {
		return nil, 0, err
	}
	// The buffer goes back to the pool, so what leaves is a copy of just the
	// right size.
	return bytes.Clone(r.finish()), r.count, nil
}

// readers keeps buffers and decoders between requests. It is memory, not state.
var readers = sync.Pool{New: func() any { return new(reader) }}

// keepCapacity bounds what one pooled reader holds on to.
const keepCapacity = 4 << 20

// decoding leaves the last of several members of one name to whoever reads
// the attributes: finding them costs as much as all the rest.
var decoding = jsontext.AllowDuplicateNames(true)

// reader turns JSON into a payload, one log after the other.
type reader struct {
	input bytes.Buffer
	json  jsontext.Decoder
	body  []byte
	in    Intake

	payload []byte
	count   int
	group   group

	// The current log.
	line       int    // or element, from 1; 0 when it is the only one
	where      string // "line" or "element"
	lineEnd    int    // where the line, else the body, ends
	roles      [roleCount]slot
	attributes []byte // as fields of a LogRecord
	text       []byte // strings that had to be unescaped
}

func (r *reader) start(body []byte, in Intake) {
	r.input = *bytes.NewBuffer(body)
	r.json.Reset(&r.input, decoding)
	r.body, r.in = body, in
	r.payload, r.count, r.group.isOpen = r.payload[:0], 0, false
	r.line, r.where, r.lineEnd = 0, "", len(body)
}

// release lets go of the request's memory.
func (r *reader) release() {
	r.body, r.in = nil, Intake{}
	r.input = bytes.Buffer{}
	r.json.Reset(&r.input, decoding)
	clear(r.roles[:])
	if cap(r.payload)+cap(r.attributes)+cap(r.text) <= keepCapacity {
		readers.Put(r)
	}
}

func (r *reader) finish() []byte { return r.group.shut(r.payload) }

const severalLogs = "send several logs as one array, or one a line as application/x-ndjson"

func (r *reader) readJSON() error {
	if r.json.PeekKind() != jsontext.KindBeginArray {
		if err := r.object(); err != nil {
			return err
		}
		return r.readEnd(severalLogs)
	}
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	r.where = "element"
	for r.line = 1; r.more(jsontext.KindEndArray); r.line++ {
		if err := r.object(); err != nil {
			return err
		}
	}
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	r.line = 0
	return r.readEnd(severalLogs)
}

// more tells whether there is another value before end. A broken value counts
// as one: reading it gives the error.
func (r *reader) more(end jsontext.Kind) bool { return r.json.PeekKind() != end }

// readEnd checks that nothing follows; hint says what to do if something does.
func (r *reader) readEnd(hint string) error {
	end := r.json.InputOffset()
	switch _, err := r.json.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	default:
		return r.fail("", "the JSON ends at byte %d but more follows: %s", end, hint)
	}
}

func (r *reader) readLines() error {
	r.where, r.line = "line", 1
	for pos := 0; pos < len(r.body); r.line++ {
		end := len(r.body)
		if i := bytes.IndexByte(r.body[pos:], '\n'); i >= 0 {
			end = pos + i
		}
		r.lineEnd = end
		if !blank(r.body[pos:end]) {
			if err := r.object(); err != nil {
				return err
			}
			stop := int(r.json.InputOffset())
			if stop > end {
				return r.fail("", "the object does not end on its line: send each log on one line")
			}
			if !blank(r.body[stop:end]) {
				return r.fail("", "more follows behind the object: send each log on a line of its own")
			}
		}
		pos = end + 1
	}
	return nil
}

func blank(line []byte) bool {
	for _, b := range line {
		if b != ' ' && b != '\t' && b != '\r' {
			return false
		}
	}
	return true
}

// group is the open messages around the logs of one service and host.
type group struct {
	isOpen                  bool
	service, host           []byte
	resourceMark, scopeMark int
}

// enter makes sure that the group of a service and host is open.
func (g *group) enter(dst, service, host []byte) []byte {
	if g.isOpen && bytes.Equal(g.service, service) && bytes.Equal(g.host, host) {
		return dst
	}
	dst = g.shut(dst)
	g.isOpen = true
	g.service, g.host = append(g.service[:0], service...), append(g.host[:0], host...)
	dst, g.resourceMark = open(dst, requestResourceLogs)
	if len(service)+len(host) > 0 {
		var mark int
		dst, mark = open(dst, resourceLogsResource)
		dst = appendTextAttribute(dst, resourceAttributes, "service.name", service)
		dst = appendTextAttribute(dst, resourceAttributes, "host.name", host)
		dst = shut(dst, mark)
	}
	dst, g.scopeMark = open(dst, resourceLogsScopeLogs)
	return dst
}

// shut ends the open group, if there is one.
func (g *group) shut(dst []byte) []byte {
	if !g.isOpen {
		return dst
	}
	g.isOpen = false
	return shut(shut(dst, g.scopeMark), g.resourceMark)
}
