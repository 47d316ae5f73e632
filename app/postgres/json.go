package postgres

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// What jsonb takes is less than what JSON allows: no NUL and no half of a
// surrogate pair in a string, no number beyond numeric's range, no nesting
// beyond the server's stack. These bounds lie well within its own.
const (
	// maxDepth is the deepest nesting. The server's default stack ends
	// somewhere above 7,000.
	maxDepth = 500
	// maxDigits and maxExponent bound a number. numeric ends at 131,072 digits,
	// but shows every one: "1e131071" would come back as 128 KB. All that a
	// float64 can be is within.
	maxDigits   = 400
	maxExponent = 400
)

// storableJSON tells whether jsonb takes the bytes as they are, as one object.
// It allocates nothing.
func storableJSON(data []byte) bool {
	s := jsonScanner{data: data}
	s.space()
	if s.peek() != '{' || !s.value(0) {
		return false
	}
	s.space()
	return s.at == len(data)
}

// jsonScanner walks over JSON text. Its methods step over one thing, and tell
// whether that is well formed and storable.
type jsonScanner struct {
	data []byte
	at   int
}

// peek returns the next byte, or 0 at the end, which no JSON begins with.
func (s *jsonScanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *jsonScanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// byte steps over b if it comes next.
func (s *jsonScanner) byte(b byte) bool {
	if s.peek() != b {
		return false
	}
	s.at++
	return true
}

func (s *jsonScanner) value(depth int) bool {
	switch b := s.peek(); b {
	case '{', '[':
		return depth < maxDepth && s.list(b == '{', depth+1)
	case '"':
		return s.text()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

// list steps over an object or an array.
func (s *jsonScanner) list(object bool, depth int) bool {
	end := byte(']')
	if object {
		end = '}'
	}
	s.at++
	s.space()
	if s.byte(end) {
		return true
	}
	for {
		if object {
			if s.space(); !s.text() {
				return false
			}
			if s.space(); !s.byte(':') {
				return false
			}
		}
		if s.space(); !s.value(depth) {
			return false
		}
		s.space()
		if s.byte(end) {
			return true
		}
		if !s.byte(',') {
			return false
		}
	}
}

func (s *jsonScanner) word(word string) bool {
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

func (s *jsonScanner) number() bool {
	begin := s.at
	s.byte('-')
	if !s.byte('0') && s.digits() == 0 {
		return false
	}
	if s.byte('.') && s.digits() == 0 {
		return false
	}
	if !s.byte('e') && !s.byte('E') {
		return s.at-begin <= maxDigits
	}
	if !s.byte('+') {
		s.byte('-')
	}
	exponent := s.at
	if s.digits() == 0 || s.at-begin > maxDigits {
		return false
	}
	value := 0
	for _, digit := range s.data[exponent:s.at] {
		value = min(value*10+int(digit-'0'), maxExponent+1)
	}
	return value <= maxExponent
}

// digits steps over digits and returns how many.
func (s *jsonScanner) digits() int {
	begin := s.at
	for b := s.peek(); b >= '0' && b <= '9'; b = s.peek() {
		s.at++
	}
	return s.at - begin
}

func (s *jsonScanner) text() bool {
	if !s.byte('"') {
		return false
	}
	for s.at < len(s.data) {
		switch b := s.data[s.at]; {
		case b == '"':
			s.at++
			return true
		case b == '\\':
			if !s.escape() {
				return false
			}
		case b < ' ':
			return false
		case b < utf8.RuneSelf:
			s.at++
		default:
			r, size := utf8.DecodeRune(s.data[s.at:])
			if r == utf8.RuneError && size == 1 {
				return false
			}
			s.at += size
		}
	}
	return false
}

func (s *jsonScanner) escape() bool {
	s.at++
	b := s.peek()
	s.at++
	if b != 'u' {
		return b != 0 && strings.IndexByte(`"\/bfnrt`, b) >= 0
	}
	switch unit := s.unit(); {
	case unit <= 0, unit >= 0xdc00 && unit <= 0xdfff: // no hexadecimal digits, NUL, a second half alone
		return false
	case unit >= 0xd800 && unit <= 0xdbff:
		if !s.byte('\\') || !s.byte('u') {
			return false
		}
		second := s.unit()
		return second >= 0xdc00 && second <= 0xdfff
	default:
		return true
	}
}

// unit steps over four hexadecimal digits and returns their value, or -1.
func (s *jsonScanner) unit() int {
	if len(s.data)-s.at < 4 {
		return -1
	}
	value := 0
	for _, digit := range s.data[s.at : s.at+4] {
		half := unhex[digit]
		if half == noHex {
			return -1
		}
		value = value<<4 | int(half)
	}
	s.at += 4
	return value
}

// cleanJSON returns what can be shown of attributes that jsonb refuses, or nil
// when they are no JSON object.
func cleanJSON(data []byte) []byte {
	var tree map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil || tree == nil {
		return nil
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil // something follows the object
	}
	out, err := json.Marshal(cleanValue(tree, 0))
	if err != nil || !storableJSON(out) {
		return nil
	}
	return out
}

// cleanValue replaces what jsonb refuses: in strings as clean does, numbers and
// depths beyond the bounds by their text.
func cleanValue(value any, depth int) any {
	switch v := value.(type) {
	case string:
		return clean(v)
	case json.Number:
		if s := (jsonScanner{data: []byte(v)}); !s.number() {
			return string(v)
		}
		return v
	case []any:
		if depth >= maxDepth {
			return flat(v)
		}
		for i := range v {
			v[i] = cleanValue(v[i], depth+1)
		}
		return v
	case map[string]any:
		if depth >= maxDepth {
			return flat(v)
		}
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[clean(key)] = cleanValue(inner, depth+1)
		}
		return out
	default:
		return v
	}
}

// flat returns a value as the JSON text that it was.
func flat(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "" // it was decoded from JSON: it has a text
	}
	return string(text)
}
