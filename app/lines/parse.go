package lines

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-logfmt/logfmt"

	"millrace/app"
)

// parser makes logs of lines. Not safe for concurrent use.
type parser struct {
	service, host string
	out           []byte // of the last line
}

// parse returns a line as one JSON object. A JSON object stays as it is; a
// logfmt line becomes its fields; anything else is the message. service and
// host are added where the line names none. Bytes that are no UTF-8 become
// U+FFFD: JSON has no other way. The result is valid until the next call.
func (p *parser) parse(line []byte, truncated bool) []byte {
	p.out = p.out[:0]
	switch {
	case !truncated && isObject(line):
		p.object(line)
	case !truncated && p.logfmt(line):
	default:
		p.out = app.AppendJSONString(append(p.out, `{"message":`...), string(line))
		p.defaults(nil)
		if truncated {
			p.out = append(p.out, `,"attributes":{"millrace.truncated":true}`...)
		}
		p.out = append(p.out, '}')
	}
	return p.out
}

func isObject(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) > 1 && line[0] == '{' && utf8.Valid(line) && json.Valid(line)
}

// object copies a JSON object and adds what it lacks.
func (p *parser) object(line []byte) {
	line = bytes.TrimSpace(line)
	var members map[string]json.RawMessage
	_ = json.Unmarshal(line, &members) // it is valid
	names := map[string]bool{}
	for name := range members {
		names[plain(name)] = true
	}
	p.out = append(p.out, bytes.TrimRight(line[:len(line)-1], " \t")...)
	if len(members) == 0 {
		p.out = append(p.out, `"message":""`...)
	}
	p.defaults(names)
	p.out = append(p.out, '}')
}

// defaults adds service and host unless the line named them.
func (p *parser) defaults(named map[string]bool) {
	add := func(name, value string, synonyms ...string) {
		for _, synonym := range append(synonyms, name) {
			if named[synonym] {
				return
			}
		}
		if value != "" {
			p.out = append(p.out, `,"`+name+`":`...)
			p.out = app.AppendJSONString(p.out, value)
		}
	}
	add("service", p.service, "servicename", "app", "application", "appname", "applicationname")
	add("host", p.host, "hostname")
}

// plain writes a member's name as the shipper compares it.
func plain(name string) string {
	return strings.NewReplacer(".", "", "_", "", "-", "", "@", "").Replace(strings.ToLower(name))
}

// logKeys are the keys that logfmt lines have and other text with an equals
// sign hardly does.
var logKeys = map[string]bool{
	"level": true, "lvl": true, "severity": true, "msg": true, "message": true, "ts": true, "time": true, "timestamp": true,
}

// logfmt writes a line of key=value pairs as an object. It returns false when
// the line is something else: a key without a value, a key that comes twice,
// or none of the keys that a log would have.
func (p *parser) logfmt(line []byte) bool {
	if !bytes.ContainsRune(line, '=') || !utf8.Valid(line) {
		return false
	}
	decoder := logfmt.NewDecoder(bytes.NewReader(line))
	if !decoder.ScanRecord() {
		return false
	}
	named, known := map[string]bool{}, false
	p.out = append(p.out, '{')
	for decoder.ScanKeyval() {
		key, value := string(decoder.Key()), decoder.Value()
		if value == nil || named[plain(key)] {
			return p.no()
		}
		if len(named) > 0 {
			p.out = append(p.out, ',')
		}
		named[plain(key)] = true
		known = known || logKeys[strings.ToLower(key)]
		p.out = append(app.AppendJSONString(p.out, key), ':')
		p.value(key, string(value))
	}
	if decoder.Err() != nil || !known {
		return p.no()
	}
	p.defaults(named)
	p.out = append(p.out, '}')
	return true
}

func (p *parser) no() bool {
	p.out = p.out[:0]
	return false
}

// value writes a value of logfmt, which has no types: what is a number in JSON
// too, and a boolean, is written as one, but for the fields that are text.
func (p *parser) value(key, value string) {
	if !logKeys[strings.ToLower(key)] {
		if value == "true" || value == "false" {
			p.out = append(p.out, value...)
			return
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && strconv.FormatInt(n, 10) == value {
			p.out = append(p.out, value...)
			return
		}
	}
	p.out = app.AppendJSONString(p.out, value)
}
