package app

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a failure means to whoever asked. Servers turn it into a
// status in one place; middleware decides by it whether to try again.
type Kind uint8

// The kinds of failure. An error without a Kind is KindInternal.
const (
	KindInternal        Kind = iota // ours; may or may not pass
	KindInvalid                     // the input is wrong and stays wrong
	KindTooLarge                    // the input is over a limit
	KindNotFound                    // there is no such thing
	KindFull                        // no room now; come back later
	KindUnavailable                 // something we need is away; come back later
	KindTimeout                     // it took longer than it may
	KindConflict                    // it contradicts what is there
	KindUnauthenticated             // it does not say who asks, or nobody knows them
	KindForbidden                   // whoever asks may not
	KindTooMany                     // whoever asks has asked too often; come back later
)

// Error is a failure with what its reader needs to mend it. Message is a
// whole sentence for people; Err, if any, is the cause that it already tells of.
type Error struct {
	Kind       Kind
	Message    string
	Field      string        // the parameter or member that is wrong, if one is
	Line       int           // the line (NDJSON) or element (array) that is wrong, from 1; 0 if none
	RetryAfter time.Duration // with KindFull, KindUnavailable and KindTooMany: when to come back; 0 if unknown
	Err        error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a kind. A %w in the format keeps its cause for
// errors.Is and errors.As.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// KindOf returns the kind of the first Error in err's chain, else KindInternal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// Permanent tells whether trying the same again can only fail again.
func Permanent(err error) bool {
	switch KindOf(err) {
	case KindInvalid, KindTooLarge, KindNotFound, KindConflict:
		return true
	default:
		return false
	}
}

// BarsEntry tells whether whoever asks is not let in: nothing else that they ask
// will be answered either.
func BarsEntry(err error) bool {
	kind := KindOf(err)
	return kind == KindUnauthenticated || kind == KindForbidden
}
