package batching

import "errors"

var (
	// ErrFull is returned with Reject when there is no room. The same call may
	// succeed later.
	ErrFull = errors.New("batching: the buffer is full")
	// ErrTooLarge is returned for a call that would not fit an empty buffer.
	ErrTooLarge = errors.New("batching: more than the buffer holds")
	// ErrClosed is returned once Close was called.
	ErrClosed = errors.New("batching: the publisher is closed")
	// ErrNotFlushed is wrapped by the errors for units that Close could not
	// flush within its deadline.
	ErrNotFlushed = errors.New("batching: not flushed before the deadline of Close")
)
