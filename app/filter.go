package app

import (
	"encoding/binary"
	"strings"
	"time"
)

// Filter says which logs are wanted. The zero Filter wants all; of one with
// several fields, all must hold.
type Filter struct {
	From time.Time // at or after; zero: from the beginning
	To   time.Time // before; zero: without end

	Levels      []Level  // any of these; empty: every level
	NotLevels   []Level  // none of these
	Services    []string // any of these, exactly
	NotServices []string // none of these
	Hosts       []string // any of these, exactly
	NotHosts    []string // none of these
	TraceIDs    []string // any of these, in lower-case hexadecimal digits
	NotTraceIDs []string // none of these

	Texts       []string // all of these are in the message, whatever their case
	NotTexts    []string // none of these is in the message
	Patterns    []string // the message matches all of these regular expressions (RE2)
	NotPatterns []string // the message matches none of these

	Attributes []AttributeFilter // all of these hold
}

// AttributeFilter wants an attribute to have one of some values. Dots in Name
// reach into nested objects, or are part of a name: "http.status" is found in
// {"http":{"status":500}} and in {"http.status":500}. A value is a text, and
// the number, true, false or null that it looks like.
type AttributeFilter struct {
	Name   string
	Values []string
	Not    bool // the attribute has none of the values, or is not there
}

// MaxAttributeDots is the most dots in an AttributeFilter's name.
const MaxAttributeDots = 5

// Key returns the filter in a normal form: filters with the same key want the
// same logs. Values that are alternatives must be in order.
func (f Filter) Key() string {
	var b keyBuilder
	b.moment(f.From)
	b.moment(f.To)
	for _, levels := range [][]Level{f.Levels, f.NotLevels} {
		b.number(int64(len(levels)))
		for _, l := range levels {
			b.number(int64(l))
		}
	}
	for _, values := range [][]string{
		f.Services, f.NotServices, f.Hosts, f.NotHosts, f.TraceIDs, f.NotTraceIDs, f.Texts, f.NotTexts, f.Patterns, f.NotPatterns,
	} {
		b.texts(values)
	}
	for _, a := range f.Attributes {
		b.texts([]string{a.Name})
		b.texts(a.Values)
		if a.Not {
			b.number(1)
		} else {
			b.number(0) // else the next attribute could be taken for it
		}
	}
	return b.String()
}

// keyBuilder writes values so that no two sequences of them look alike.
type keyBuilder struct{ strings.Builder }

func (b *keyBuilder) number(n int64) {
	var buffer [binary.MaxVarintLen64]byte
	b.Write(buffer[:binary.PutVarint(buffer[:], n)])
}

func (b *keyBuilder) moment(t time.Time) {
	if t.IsZero() {
		b.number(-1 << 63)
		return
	}
	b.number(t.UnixNano())
}

func (b *keyBuilder) texts(values []string) {
	b.number(int64(len(values)))
	for _, v := range values {
		b.number(int64(len(v)))
		b.WriteString(v)
	}
}
