package otlp

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// member is one member of a JSON object in the making.
type member struct {
	key      string
	prefix   string // put before key when that is taken
	value    []byte // an AnyValue message, or JSON
	rendered bool   // value is JSON
}

// members are members with different keys, in the order they came. They reuse
// their memory, and finding a key takes the same time however many there are.
type members struct {
	list  []member
	index map[string]int // of list; only kept when it is long
}

// short is the length up to which looking at each key is faster than a map.
const short = 16

func (m *members) reset() {
	m.list = m.list[:0]
}

// find returns where a key is, or -1.
func (m *members) find(key string) int {
	if len(m.list) > short {
		if i, ok := m.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range m.list {
		if m.list[i].key == key {
			return i
		}
	}
	return -1
}

// add appends a member whose key is new.
func (m *members) add(added member) {
	m.list = append(m.list, added)
	switch n := len(m.list); {
	case n == short+1:
		m.reindex()
	case n > short:
		m.index[added.key] = n - 1
	}
}

func (m *members) reindex() {
	if len(m.list) <= short {
		return
	}
	if m.index == nil {
		m.index = make(map[string]int, 4*short)
	}
	clear(m.index)
	for i := range m.list {
		m.index[m.list[i].key] = i
	}
}

// addFree adds a member, with as many of its prefixes as make its key new.
func (m *members) addFree(added member) {
	for m.find(added.key) >= 0 {
		added.key = added.prefix + added.key
	}
	m.add(added)
}

// put adds a member, or replaces the one with its key.
func (m *members) put(added member) {
	if !utf8.ValidString(added.key) {
		added.key = repairKey(added.key)
	}
	if i := m.find(added.key); i >= 0 {
		m.list[i].value = added.value
		return
	}
	m.add(added)
}

// repairKey writes the bytes that are not UTF-8 as \xHH.
func repairKey(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); {
		r, size := utf8.DecodeRuneInString(key[i:])
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, key[i])
		} else {
			b.WriteString(key[i : i+size])
		}
		i += size
	}
	return b.String()
}

// putAll puts the KeyValues in field num of a message.
func (m *members) putAll(message []byte, num protowire.Number) bool {
	f := fields{buf: message}
	for f.next() {
		if f.is(num) && !m.putKeyValue(f.bytes) {
			return false
		}
	}
	return !f.broken
}

// putKeyValue puts what a KeyValue message says.
func (m *members) putKeyValue(message []byte) bool {
	var pair member
	f := fields{buf: message}
	for f.next() {
		switch {
		case f.is(keyValueKey):
			pair.key = alias(f.bytes)
		case f.is(keyValueValue):
			pair.value = f.bytes
		}
	}
	m.put(pair)
	return !f.broken
}

// takeText removes the member with a key if it is a string, and returns that.
func (m *members) takeText(key string) string {
	i := m.find(key)
	if i < 0 {
		return ""
	}
	v := lastValue(m.list[i].value)
	if v.kind != valueString || v.broken {
		return ""
	}
	m.list = slices.Delete(m.list, i, i+1)
	m.reindex()
	return alias(v.bytes)
}

// meets tells whether a key is in both.
func (m *members) meets(other *members) bool {
	if len(other.list) == 0 {
		return false
	}
	for i := range m.list {
		if other.find(m.list[i].key) >= 0 {
			return true
		}
	}
	return false
}
