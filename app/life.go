package app

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// BatchLife is one batch from its sealing on. Times that are not known are
// zero.
type BatchLife struct {
	ID         string    `json:"id"`
	Number     int64     `json:"number"` // in the ledger
	Shipper    string    `json:"shipper"`
	First      uint64    `json:"first"`
	Last       uint64    `json:"last"`
	Count      int       `json:"count"`
	Stored     int       `json:"stored"` // logs written when it was stored
	Foreign    bool      `json:"foreign"`
	Trigger    string    `json:"trigger,omitempty"` // what closed it
	Topic      string    `json:"topic"`
	Partition  int32     `json:"partition"`
	Offset     int64     `json:"offset"`
	SealedAt   time.Time `json:"sealed_at,omitzero"`
	ShippedAt  time.Time `json:"shipped_at,omitzero"`
	StoredAt   time.Time `json:"stored_at,omitzero"`
	FirstTime  time.Time `json:"first_time,omitzero"` // of its logs' own times
	LastTime   time.Time `json:"last_time,omitzero"`
	Duplicates int       `json:"duplicates_refused"`
	Rows       *int      `json:"rows,omitempty"` // logs found now; nil in a list, where nobody counted
	State      string    `json:"state"`          // one of the States below

	Quarantine []QuarantineLink `json:"quarantine,omitempty"` // what of its range is, or was, in quarantine
	Replays    int64            `json:"replays,omitempty"`    // the item of the quarantine that it replays
}

// States of a batch.
const (
	BatchStored      = "stored"      // it is here
	BatchIncomplete  = "incomplete"  // logs of it are missing
	BatchSurplus     = "surplus"     // logs of it are here twice
	BatchExpired     = "expired"     // retention has dropped logs of it
	BatchQuarantined = "quarantined" // it is not stored, but in quarantine
)

// QuarantineLink names something in quarantine.
type QuarantineLink struct {
	ID    int64  `json:"id"`
	State string `json:"state"`
	Range
}

// BatchQuery asks for a page of batches: those of one shipper with the highest
// numbers first, or all with the last stored first.
type BatchQuery struct {
	Shipper string
	From    time.Time // stored at or after
	Limit   int       // 1 to MaxLimit
	At      *BatchCursor
}

// BatchPage is a page; Next is nil on the last.
type BatchPage struct {
	Batches []BatchLife
	Next    *BatchCursor
}

// BatchCursor is the place after a batch.
type BatchCursor struct {
	StoredAt time.Time // to the microsecond
	Number   int64
	First    uint64 // counts within a shipper
}

// String returns the cursor as text that is safe in a URL.
func (c BatchCursor) String() string {
	return strings.Join([]string{
		strconv.FormatInt(c.StoredAt.UnixMicro(), 36), strconv.FormatInt(c.Number, 36), strconv.FormatUint(c.First, 36),
	}, ".")
}

// ParseBatchCursor reads what String wrote; anything else is an Error of
// KindInvalid for the field "cursor".
func ParseBatchCursor(text string) (*BatchCursor, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errBatchCursor()
	}
	micros, errTime := strconv.ParseInt(parts[0], 36, 64)
	number, errNumber := strconv.ParseInt(parts[1], 36, 64)
	first, errFirst := strconv.ParseUint(parts[2], 36, 63)
	if err := cmp.Or(errTime, errNumber, errFirst); err != nil || micros < 0 || micros > maxMicros {
		return nil, errBatchCursor()
	}
	return &BatchCursor{StoredAt: time.UnixMicro(micros).UTC(), Number: number, First: first}, nil
}

// maxMicros is the year 2262, in microseconds since 1970.
const maxMicros = 1<<63/1000 - 1

func errBatchCursor() error {
	return &Error{Kind: KindInvalid, Field: "cursor", Message: "cursor is not one that this server gave: use next of a page as it is"}
}

// ParseBatchID takes a batch's id apart; ok is false for what is none.
func ParseBatchID(id string) (shipper string, first uint64, ok bool) {
	at := strings.LastIndexByte(id, '-')
	if at < 1 {
		return "", 0, false
	}
	first, err := strconv.ParseUint(id[at+1:], 10, 63)
	return id[:at], first, err == nil
}
