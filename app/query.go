package app

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

// Limits of a listing.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Filter says which logs are wanted. The zero Filter wants all.
type Filter struct {
	From     time.Time // at or after; zero: from the beginning
	To       time.Time // before; zero: without end
	Levels   []Level   // any of these; empty: every level
	Services []string  // any of these, exactly
	Hosts    []string  // any of these, exactly
	Text     string    // a substring of the message, whatever its case
}

// Query asks for one page of a listing.
type Query struct {
	Filter
	Limit       int     // 1 to MaxLimit
	OldestFirst bool    // else newest first
	At          *Cursor // where to go on; nil: at the beginning
}

// Page is one page of a listing, in the order asked for. Next and Prev are
// nil where there is nothing further.
type Page struct {
	Logs       []Log
	Next, Prev *Cursor
}

// Hash tells listings apart: two queries have the same hash when they list the
// same logs in the same order, whatever their limit and place.
func (q Query) Hash() uint64 {
	h := fnv.New64a()
	number := func(n int64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	text := func(values ...string) {
		number(int64(len(values)))
		for _, v := range values {
			number(int64(len(v)))
			h.Write([]byte(v))
		}
	}
	moment := func(t time.Time) {
		if t.IsZero() {
			number(-1 << 63)
			return
		}
		number(t.UnixNano())
	}
	moment(q.From)
	moment(q.To)
	number(int64(len(q.Levels)))
	for _, l := range q.Levels {
		number(int64(l))
	}
	text(q.Services...)
	text(q.Hosts...)
	text(q.Text)
	if q.OldestFirst {
		number(1)
	}
	return h.Sum64()
}
