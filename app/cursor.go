package app

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Cursor is a place between two logs of a listing: just after, or just before,
// the log with this time and id. Logs that arrive later do not move it.
type Cursor struct {
	Time     time.Time // to the microsecond, as PostgreSQL orders
	ID       LogID
	Backward bool   // the page ends here instead of beginning here
	Query    uint64 // Query.Hash of the listing it belongs to
}

// cursorSize is version, direction, time, id and hash.
const cursorSize = 1 + 1 + 8 + 8 + 8

const cursorVersion = 1

// String returns the cursor as text that is safe in a URL.
func (c Cursor) String() string {
	b := make([]byte, 0, cursorSize)
	b = append(b, cursorVersion, 0)
	if c.Backward {
		b[1] = 1
	}
	b = binary.BigEndian.AppendUint64(b, uint64(c.Time.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, uint64(c.ID))
	b = binary.BigEndian.AppendUint64(b, c.Query)
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads what String wrote. Anything else, and a cursor of another
// listing than q, is an Error of KindInvalid for the field "cursor".
func ParseCursor(s string, q Query) (*Cursor, error) {
	wrong := &Error{Kind: KindInvalid, Field: "cursor", Message: "cursor is not one that this server gave: use next or prev of a page as they are"}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion || b[1] > 1 {
		return nil, wrong
	}
	c := &Cursor{
		Backward: b[1] == 1,
		Time:     time.UnixMicro(int64(binary.BigEndian.Uint64(b[2:]))).UTC(),
		ID:       LogID(binary.BigEndian.Uint64(b[10:])),
		Query:    binary.BigEndian.Uint64(b[18:]),
	}
	// No log has a time that RFC 3339 cannot write, and PostgreSQL would refuse some.
	if year := c.Time.Year(); year < 0 || year > 9999 || c.String() != s {
		return nil, wrong
	}
	if c.Query != q.Hash() {
		return nil, &Error{Kind: KindInvalid, Field: "cursor", Message: "cursor belongs to another search: keep every filter as it was, or leave the cursor out"}
	}
	return c, nil
}
