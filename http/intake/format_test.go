package intake

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestSniff(t *testing.T) {
	for body, want := range map[string]format{
		``:                             formatJSON,
		" \n":                          formatJSON,
		`hello`:                        formatJSON,
		`"text"`:                       formatJSON,
		`[{},{}]`:                      formatJSON,
		`{}`:                           formatJSON,
		" {\n} \r\n\t":                 formatJSON,
		`{"a":"}{"}`:                   formatJSON,
		`{"a":"\"}{"}`:                 formatJSON,
		`{"a":"\\"}`:                   formatJSON,
		`{"a":{"b":[{}]}}`:             formatJSON,
		"{\"a\":\n{}\n}\n":             formatJSON,
		"\ufeff{}":                     formatJSON,
		`{`:                            formatJSON,
		`{"a`:                          formatJSON,
		`{"a\`:                         formatJSON,
		"{}\n{}":                       formatNDJSON,
		"\ufeff\n{}\r\n{}\r\n":         formatNDJSON,
		`{}{}`:                         formatNDJSON,
		`{"a":"\\"}{}`:                 formatNDJSON,
		"{}\nhello":                    formatNDJSON,
		"{\"a\":\"}\"}\n{\"a\":\"{\"}": formatNDJSON,
	} {
		if got := sniff([]byte(body)); got != want {
			t.Errorf("%q is called %s, want %s", body, got, want)
		}
	}
}

// Whatever the bytes are, sniffing ends, and one JSON value is never taken for
// lines, nor lines of objects for one value.
func FuzzSniff(f *testing.F) {
	for _, seed := range []string{``, `{}`, "{}\n{}", `[{"a":"}"}]`, `{"a":"\"{\\"}`, "\ufeff{\"a\":{\"b\":[]}}\n", `{"`, `}{`, "{\"a\":\"\\u007d\"}\n{\"b\":1}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := sniff(body)
		if json.Valid(body) && got != formatJSON {
			t.Errorf("one value is called %s", got)
		}
		lines := strings.FieldsFunc(string(body), func(r rune) bool { return r == '\n' })
		objects := 0
		for _, line := range lines {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "{") && json.Valid([]byte(line)) {
				objects++
			}
		}
		if objects == len(lines) && objects > 1 && bytes.HasPrefix(body, []byte("{")) && got != formatNDJSON {
			t.Errorf("%d lines are called %s", objects, got)
		}
	})
}
