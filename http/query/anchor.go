package query

import (
	"strconv"
	"strings"
	"time"

	"millrace/app"
	"millrace/http/openapi"
)

// anchor is what relative times of a listing are relative to. It travels in
// the cursors: were "-15m" measured anew for each page, each page would be of
// another listing.
type anchor struct {
	now  time.Time
	used bool // a time of the listing is relative
}

// anchorMark is in front of an anchor; no cursor of package app has it.
const anchorMark = "."

// cursor returns the text of a cursor for the same listing, or nothing for
// none.
func (a *anchor) cursor(c *app.Cursor) string {
	switch {
	case c == nil:
		return ""
	case a.used:
		return c.String() + anchorMark + strconv.FormatInt(a.now.UnixMicro(), 36)
	default:
		return c.String()
	}
}

// splitCursor returns the cursor of package app, and the anchor or now.
func splitCursor(text string, now time.Time) (cursor string, a anchor) {
	cursor, at, found := strings.Cut(text, anchorMark)
	if !found {
		return text, anchor{now: now.Truncate(time.Microsecond)}
	}
	micros, err := strconv.ParseInt(at, 36, 64)
	moment := time.UnixMicro(micros)
	if err != nil || !openapi.InRange(moment) {
		return text, anchor{now: now} // the mark makes it no cursor at all
	}
	return cursor, anchor{now: moment}
}
