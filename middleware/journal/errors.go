package journal

import "errors"

var (
	// ErrFull is returned by Append while the journal has reached its limit in
	// bytes, or its disk is full. It passes when records are acknowledged.
	ErrFull = errors.New("journal: full")
	// ErrTooLarge is returned by Append for a record that no entry can hold.
	ErrTooLarge = errors.New("journal: record too large")
	// ErrWrite is wrapped by the errors of Append and Seal when the disk did
	// not take a record. The next call tries again.
	ErrWrite = errors.New("journal: the disk did not take it")
	// ErrClosed is returned once Close was called.
	ErrClosed = errors.New("journal: closed")
	// ErrLocked is wrapped by Open's error when another process has the journal.
	ErrLocked = errors.New("journal: in use by another process")
	// ErrCorrupt is wrapped by errors about bytes that are no entry.
	ErrCorrupt = errors.New("journal: corrupt")
)
