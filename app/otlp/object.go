package otlp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"millrace/app"
)

// slot is the value that fills a role.
type slot struct {
	filled bool
	rank   uint8
	kind   jsontext.Kind // string or number
	name   []byte        // of the member
	value  []byte        // the text of a string, the literal of a number
}

// object reads one log and appends it to the payload.
func (r *reader) object() error {
	if kind := r.json.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return r.fail("", "%s where a log was expected: send an object, as in {\"message\":\"hello\"}", kindName(kind))
	}
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	clear(r.roles[:])
	r.attributes, r.text = r.attributes[:0], r.text[:0]
	for r.more(jsontext.KindEndObject) {
		if err := r.member(); err != nil {
			return err
		}
	}
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	return r.append()
}

// member reads one member of a log.
func (r *reader) member() error {
	name, err := r.readText()
	if err != nil {
		return err
	}
	kind := r.json.PeekKind()
	claim := claimOf(name)
	switch {
	case claim.role == roleNone || kind == jsontext.KindInvalid:
		return r.attribute(name)
	case kind == jsontext.KindNull:
		_, err := r.json.ReadToken()
		return r.syntax(err)
	case !claim.role.takes(kind) && claim.rank == 0:
		return r.fail(string(name), "%s is %s: want %s", name, kindName(kind), claim.role.wants())
	case !claim.role.takes(kind):
		return r.attribute(name)
	case claim.role == roleAttributes:
		return r.readAttributes()
	}
	return r.fill(claim, name, kind)
}

// readAttributes reads an object whose members are attributes.
func (r *reader) readAttributes() error {
	if _, err := r.json.ReadToken(); err != nil {
		return r.syntax(err)
	}
	for r.more(jsontext.KindEndObject) {
		name, err := r.readText()
		if err != nil {
			return err
		}
		if err := r.attribute(name); err != nil {
			return err
		}
	}
	_, err := r.json.ReadToken()
	return r.syntax(err)
}

// fill lets the next value have its role. Who loses it becomes an attribute.
func (r *reader) fill(claim claim, name []byte, kind jsontext.Kind) error {
	got := slot{filled: true, rank: claim.rank, kind: kind, name: name}
	var err error
	if kind == jsontext.KindString {
		if got.value, err = r.readText(); err != nil || len(got.value) == 0 {
			return err
		}
	} else if got.value, err = r.readRaw(); err != nil {
		return err
	}
	old := &r.roles[claim.role]
	switch {
	case !old.filled || bytes.Equal(old.name, name):
		*old = got
	case got.rank <= old.rank:
		r.demote(*old)
		*old = got
	default:
		r.demote(got)
	}
	return nil
}

func (r *reader) demote(s slot) {
	var outer, inner int
	r.attributes, outer = openKeyValue(r.attributes, recordAttributes, s.name)
	r.attributes, inner = open(r.attributes, keyValueValue)
	if s.kind == jsontext.KindString {
		r.attributes = appendBytes(r.attributes, valueString, s.value)
	} else {
		r.attributes = appendNumberValue(r.attributes, s.value)
	}
	r.attributes = shut(shut(r.attributes, inner), outer)
}

// append appends the log that was read to the payload.
func (r *reader) append() error {
	var err error
	service, host := []byte(r.in.Service), []byte(r.in.Host)
	if s := r.roles[roleService]; s.filled {
		service = s.value
	}
	if s := r.roles[roleHost]; s.filled {
		host = s.value
	}
	received := nanos(r.in.Received)
	at := received
	if s := r.roles[roleTime]; s.filled {
		switch at, err = r.timestamp(s, received); {
		case err != nil && s.rank == dateRank:
			r.demote(s)
			at = received
		case err != nil:
			return err
		}
	}
	severity, text := r.severity(r.roles[roleLevel])

	p := r.group.enter(r.payload, service, host)
	p, mark := open(p, scopeLogsRecords)
	p = appendFixed64(p, recordTime, at)
	p = appendNumber(p, recordSeverityNumber, uint64(severity))
	if len(text) > 0 {
		p = appendBytes(p, recordSeverityText, text)
	}
	if s := r.roles[roleMessage]; s.filled {
		p = appendTextValue(p, recordBody, s.value)
	}
	p = append(p, r.attributes...)
	if p, err = r.appendID(p, recordTraceID, r.roles[roleTraceID], 16); err != nil {
		return err
	}
	if p, err = r.appendID(p, recordSpanID, r.roles[roleSpanID], 8); err != nil {
		return err
	}
	p = appendFixed64(p, recordObserved, received)
	r.payload = shut(p, mark)
	r.count++
	return nil
}

// appendID appends an id of size bytes. An id of zeros is none.
func (r *reader) appendID(dst []byte, num fieldNumber, s slot, size int) ([]byte, error) {
	if !s.filled {
		return dst, nil
	}
	var id [16]byte
	into := id[:size]
	if num == recordTraceID && len(s.value) == 16 {
		into = id[8:16] // 64 bits of 128
	}
	if len(s.value) == 2*len(into) {
		if _, err := hex.Decode(into, s.value); err == nil {
			if id == [16]byte{} {
				return dst, nil
			}
			return appendBytes(dst, num, id[:size]), nil
		}
	}
	return dst, r.fail(string(s.name), "%s is %s: want %d hexadecimal digits", s.name, shorten(s.value), 2*size)
}

// severity returns the OpenTelemetry number of a level, and the text to keep
// when the number does not say it all.
func (r *reader) severity(s slot) (number int32, text []byte) {
	if !s.filled {
		return app.LevelInfo.Severity(), nil
	}
	word := bytes.TrimSpace(s.value)
	if level, ok := app.ParseLevel(alias(word)); ok {
		if strings.EqualFold(alias(word), level.String()) {
			return level.Severity(), nil
		}
		return level.Severity(), s.value
	}
	n, small := smallNumber(word)
	switch {
	case !small:
	case n >= 1 && n <= 24 && (s.rank == severityNumberRank || n%10 != 0):
		return int32(n), nil
	case n >= 10 && n <= 60 && n%10 == 0:
		return app.Level(n / 10).Severity(), nil
	}
	return app.LevelInfo.Severity(), s.value
}

// smallNumber reads an integer of one or two digits.
func smallNumber(s []byte) (n int, ok bool) {
	for _, b := range s {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = 10*n + int(b-'0')
	}
	return n, len(s) == 1 || len(s) == 2
}

// timestamp reads a time in nanoseconds since 1970.
func (r *reader) timestamp(s slot, received uint64) (uint64, error) {
	n, err := parseTimestamp(s.value)
	switch {
	case errors.Is(err, errUnset):
		return received, nil
	case errors.Is(err, errRange):
		return 0, r.fail(string(s.name), "%s is %s: want a time from 1970 to 2554", s.name, shorten(s.value))
	case err != nil:
		return 0, r.fail(string(s.name), "%s is %s: want RFC 3339, as in 2026-11-23T10:00:00.5Z, or a number of seconds, milli-, micro- or nanoseconds since 1970", s.name, shorten(s.value))
	}
	return n, nil
}
