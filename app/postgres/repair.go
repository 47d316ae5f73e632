package postgres

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"millrace/app"
)

// PostgreSQL's text holds no NUL and nothing that is not UTF-8, its jsonb not
// all of JSON, its timestamps and its index rows not every length. A log that
// has such is stored with what can be shown in its place:
//
//	NUL                            U+2400 (␀)
//	bytes that are no UTF-8        U+FFFD (�)
//	half a surrogate pair in JSON  U+FFFD
//	a number or depth beyond json.go's bounds: its text, as a string
//	a service name over maxService: its beginning
//	a time beyond the years 0 to 9999: the nearest moment within
//	trace and span ids that are no hexadecimal: nothing
//
// and what it had before, in base64, as the attribute "millrace.raw." and the
// member's name in the API: nothing is lost, and the batch is not held up.
const rawPrefix = "millrace.raw."

// maxService is the longest service name in bytes. A row of a btree index is
// at most 2,704 bytes, of which this leaves enough for the rest.
const maxService = 1024

// Lengths of ids as OpenTelemetry has them, in digits.
const (
	maxTraceID = 32
	maxSpanID  = 16
)

// nulSign stands in for NUL: U+2400 SYMBOL FOR NULL.
const nulSign = "\u2400"

// The first and last moments that RFC 3339 can write; PostgreSQL's range is
// wider.
var (
	firstMoment = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	lastMoment  = time.Date(10_000, 1, 1, 0, 0, 0, -1, time.UTC)
)

// repaired returns the log if PostgreSQL takes it as it is, as it does nearly
// every log, else a repaired copy.
func repaired(log *app.Log) *app.Log {
	if storableLog(log) {
		return log
	}
	r := repair{log: *log}
	r.text("message", &r.log.Message, 0)
	r.text("service", &r.log.Service, maxService)
	r.text("host", &r.log.Host, 0)
	r.times()
	r.ids()
	r.attributes()
	return &r.log
}

// armoured returns a copy that shows nothing but ASCII and has all texts as
// raw: for a log that PostgreSQL refuses though it was repaired.
func armoured(log *app.Log) *app.Log {
	r := repair{log: *log}
	for _, field := range []struct {
		name string
		text *string
	}{{"message", &r.log.Message}, {"service", &r.log.Service}, {"host", &r.log.Host}} {
		r.raw(field.name, *field.text)
		*field.text = shownText(ascii(*field.text), maxService)
	}
	r.times()
	r.ids()
	if len(r.log.TraceID) > maxTraceID || len(r.log.SpanID) > maxSpanID {
		r.raw("trace_id", r.log.TraceID)
		r.raw("span_id", r.log.SpanID)
		r.log.TraceID, r.log.SpanID = "", ""
	}
	if len(log.Attributes) > 0 {
		r.raw("attributes", string(log.Attributes))
	}
	r.log.Attributes = withRaw(nil, r.originals)
	return &r.log
}

func storableLog(log *app.Log) bool {
	return storable(log.Message) &&
		storable(log.Service) && len(log.Service) <= maxService &&
		storable(log.Host) &&
		isHex(log.TraceID) && isHex(log.SpanID) &&
		inRange(log.Time) && inRange(log.ReceivedAt) &&
		(len(log.Attributes) == 0 || storableJSON(log.Attributes))
}

// repair is a log under repair.
type repair struct {
	log       app.Log
	originals []string // name, original, name, original, …
}

func (r *repair) raw(name, original string) { r.originals = append(r.originals, name, original) }

func (r *repair) text(name string, field *string, limit int) {
	if shown := shownText(*field, limit); shown != *field {
		r.raw(name, *field)
		*field = shown
	}
}

func (r *repair) ids() {
	for name, field := range map[string]*string{"trace_id": &r.log.TraceID, "span_id": &r.log.SpanID} {
		if !isHex(*field) {
			r.raw(name, *field)
			*field = ""
		}
	}
}

func (r *repair) times() {
	for name, field := range map[string]*time.Time{"timestamp": &r.log.Time, "received_at": &r.log.ReceivedAt} {
		if !inRange(*field) {
			r.raw(name, field.UTC().Format(time.RFC3339Nano))
			*field = nearestMoment(*field)
		}
	}
}

// attributes comes last: it also takes in what the other repairs left.
func (r *repair) attributes() {
	attributes := []byte(r.log.Attributes)
	if len(attributes) > 0 && !storableJSON(attributes) {
		r.raw("attributes", string(attributes))
		attributes = cleanJSON(attributes)
	} else if len(r.originals) > 0 && (bytes.Contains(attributes, []byte(rawPrefix)) || bytes.Contains(attributes, []byte(`\u`))) {
		// One of ours could take the place of one that is there.
		r.raw("attributes", string(attributes))
	}
	r.log.Attributes = withRaw(attributes, r.originals)
}

// withRaw adds the originals to a JSON object, which may be nil.
func withRaw(object []byte, originals []string) []byte {
	if len(originals) == 0 {
		return object
	}
	out := []byte{'{'}
	if members := bytes.TrimSpace(object); len(members) > 2 {
		members = bytes.TrimSpace(members[1 : len(members)-1])
		out = append(out, members...)
		if len(members) > 0 {
			out = append(out, ',')
		}
	}
	for i := 0; i < len(originals); i += 2 {
		if i > 0 {
			out = append(out, ',')
		}
		out = app.AppendJSONString(out, rawPrefix+originals[i])
		out = append(out, ':', '"')
		out = base64.StdEncoding.AppendEncode(out, []byte(originals[i+1]))
		out = append(out, '"')
	}
	return append(out, '}')
}

func storable(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

// shownText is what is stored in the place of a text: the text itself if it can
// be, at most limit bytes of it; 0 is no limit.
func shownText(s string, limit int) string {
	if !storable(s) {
		s = clean(s)
	}
	if limit > 0 && len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, string(utf8.RuneError)), "\x00", nulSign)
}

// ascii replaces all that is not printable ASCII by question marks.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func inRange(t time.Time) bool { return !t.Before(firstMoment) && !t.After(lastMoment) }

// nearestMoment returns the moment in range that is nearest to t.
func nearestMoment(t time.Time) time.Time {
	switch {
	case t.Before(firstMoment):
		return firstMoment
	case t.After(lastMoment):
		return lastMoment
	default:
		return t
	}
}

// noHex marks a byte in unhex that is no hexadecimal digit.
const noHex = 0xff

// unhex is the value of each hexadecimal digit.
var unhex = func() (table [256]byte) {
	for b := range table {
		table[b] = noHex
		if v, err := hex.DecodeString("0" + string(rune(b))); err == nil {
			table[b] = v[0]
		}
	}
	return table
}()

// isHex tells whether s is hexadecimal digits, an even number of them.
func isHex(s string) bool {
	for i := range len(s) {
		if unhex[s[i]] == noHex {
			return false
		}
	}
	return len(s)%2 == 0
}
