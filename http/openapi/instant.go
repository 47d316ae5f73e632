package openapi

import (
	"errors"
	"strings"
	"time"
)

// Instant reads a parameter of the format "instant": a time in RFC 3339.
func Instant(text string) (time.Time, error) {
	// A "+" that was not escaped arrives as a space.
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil || !InRange(t) {
		return time.Time{}, errors.New("want a time as 2026-01-31T12:00:00Z")
	}
	return t, nil
}

// InRange tells whether a time's nanoseconds since 1970 fit into 64 bits, as
// those of all that is recorded do.
func InRange(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 2262 }
