package postgres

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Kinds of values, which a token tells apart.
const (
	kindText   = 's'
	kindNumber = 'n'
	kindWord   = 'w' // true, false, null
)

// FNV-1a's constants.
const (
	hashBasis = 14695981039346656037
	hashPrime = 1099511628211
)

func hashText(hash uint64, text string) uint64 {
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * hashPrime
	}
	return hash
}

// mixed spreads a hash over all its bits.
func mixed(hash uint64) uint64 {
	hash ^= hash >> 33
	hash *= 0xff51afd7ed558ccd
	hash ^= hash >> 33
	hash *= 0xc4ceb9fe1a85ec53
	return hash ^ hash>>33
}

// token is the hash of a field's value that is a text. Names are hashed with their dots, so that
// b in a and "a.b" are one.
func token(name, value string) uint64 {
	return valueToken(hashText(hashBasis, name), kindText, value)
}

func valueToken(name uint64, kind byte, value string) uint64 {
	if kind == kindNumber {
		value = canonical(value)
	}
	return mixed(hashText((name^uint64(kind))*hashPrime, value))
}

// canonical writes numbers that are equal alike.
func canonical(number string) string {
	if number == "-0" {
		return "0"
	}
	if len(number) < 16 && !strings.ContainsAny(number, ".eE") {
		return number // as most are
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f == 0 {
		return "0" // also what is beyond a float64: a token may stand for more than one
	}
	if f == float64(int64(f)) && f < 1e15 && f > -1e15 {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// letters that PostgreSQL may take for cases of ASCII letters, by its locale.
var caseless = strings.NewReplacer("\u212a", "k", "\u0130", "i")

// addTrigrams adds each run of three ASCII characters, in lower case: of other
// letters the cases depend on PostgreSQL's locale.
func addTrigrams(s *signature, text string) {
	if strings.Contains(text, "\u212a") || strings.Contains(text, "\u0130") {
		text = caseless.Replace(text)
	}
	eachTrigram(text, func(hash uint64) { s.add(hash, trigramProbes) })
}

func eachTrigram(text string, visit func(hash uint64)) {
	var window uint32
	ascii := 0
	for i := range len(text) {
		b := text[i]
		if b >= 0x80 {
			ascii = 0
			continue
		}
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		window = window<<8&0xffffff | uint32(b)
		if ascii++; ascii >= 3 {
			visit(mixed(uint64(window) + hashBasis))
		}
	}
}

// leaves walks over the scalars of JSON objects.
type leaves struct {
	data  []byte
	at    int
	visit func(hash uint64)
}

// each visits the token of every scalar in an object that storableJSON takes.
func (l *leaves) each(object []byte, visit func(hash uint64)) {
	l.data, l.at, l.visit = object, 0, visit
	l.space()
	l.object(hashBasis, true)
}

func (l *leaves) space() {
	for l.at < len(l.data) && (l.data[l.at] == ' ' || l.data[l.at] == '\t' || l.data[l.at] == '\n' || l.data[l.at] == '\r') {
		l.at++
	}
}

func (l *leaves) next() byte {
	l.space()
	if l.at < len(l.data) {
		return l.data[l.at]
	}
	return 0
}

// object walks over the members of an object whose name is hashed so far.
func (l *leaves) object(name uint64, top bool) {
	l.at++ // {
	for l.next() == '"' {
		member := name
		if !top {
			member = hashText(member, ".")
		}
		member = hashText(member, l.text())
		if l.next() == ':' {
			l.at++
		}
		l.value(member)
		if l.next() == ',' {
			l.at++
		}
	}
	l.at++ // }
}

func (l *leaves) value(name uint64) {
	switch b := l.next(); b {
	case '{':
		l.object(name, false)
	case '[':
		l.skipArray()
	case '"':
		l.visit(valueToken(name, kindText, l.text()))
	default:
		begin := l.at
		for l.at < len(l.data) && !strings.ContainsRune(",]} \t\r\n", rune(l.data[l.at])) {
			l.at++
		}
		kind := byte(kindNumber)
		if b == 't' || b == 'f' || b == 'n' {
			kind = kindWord
		}
		l.visit(valueToken(name, kind, string(l.data[begin:l.at])))
	}
}

// skipArray steps over an array: no filter looks into one.
func (l *leaves) skipArray() {
	depth := 0
	for l.at < len(l.data) {
		switch l.data[l.at] {
		case '"':
			l.text()
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		l.at++
		if depth == 0 {
			return
		}
	}
}

// text steps over a string and returns what it says.
func (l *leaves) text() string {
	begin, escaped := l.at, false
	for l.at++; l.at < len(l.data) && l.data[l.at] != '"'; l.at++ {
		if l.data[l.at] == '\\' {
			escaped = true
			l.at++
		}
	}
	l.at = min(l.at+1, len(l.data))
	if !escaped {
		return string(l.data[begin+1 : l.at-1])
	}
	var text string
	_ = json.Unmarshal(l.data[begin:l.at], &text) // it is storable, and so well formed
	return text
}
