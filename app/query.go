package app

import (
	"hash/fnv"
)

// Limits of a listing.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// PageBytes is how many bytes the messages and attributes of a page have together,
// at the most, and those of a context half as many on each side. There is always
// one log: a thousand of the largest would be a gigabyte.
const PageBytes = 16 << 20

// MaxContext is the most logs before, and after, that a context may have.
const MaxContext = 500

// Query asks for one page of a listing.
type Query struct {
	Filter
	Limit       int     // 1 to MaxLimit
	OldestFirst bool    // else newest first
	At          *Cursor // where to go on; nil: at the beginning
}

// Page is one page of a listing, in the order asked for. It ends at the limit or
// before its logs have more than PageBytes. Next and Prev are nil where there is
// nothing further.
type Page struct {
	Logs       []Log
	Next, Prev *Cursor
}

// Hash tells listings apart: two queries have the same hash when they list the
// same logs in the same order, whatever their limit and place.
func (q Query) Hash() uint64 {
	h := fnv.New64a()
	h.Write([]byte(q.Filter.Key()))
	if q.OldestFirst {
		h.Write([]byte{1})
	}
	return h.Sum64()
}

// ContextQuery asks for the logs around one.
type ContextQuery struct {
	ID            LogID
	Before, After int // how many, 0 to MaxContext
}

// LogContext is a log and what the same service wrote on the same host around
// it, each list oldest first. A list ends at the log that is the last one asked for, or
// before its logs have more than half of PageBytes.
type LogContext struct {
	Before []Log `json:"before"`
	Log    Log   `json:"log"`
	After  []Log `json:"after"`
}
