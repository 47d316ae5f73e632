package openapi

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var (
	errNoMoment = errors.New("want a time as 2026-01-31T12:00:00Z, seconds (s), ms, µs or ns since 1970, now, or a time ago as -15m, -6h, -2d")
	errNoSpan   = errors.New("want a time such as 15m, 6h or 2d")
	errBeyond   = errors.New("want a time in the years 1970 to 2261")
)

// Moment reads a parameter of the format "moment", a time: RFC 3339; Unix time in
// seconds (also with a fraction), milliseconds, microseconds or nanoseconds, told
// apart by size; "now"; or one relative to now, as -15m, -1h30m, -2d, -1w, also
// written now-15m. relative tells whether it was.
func Moment(text string, now time.Time) (t time.Time, relative bool, err error) {
	rest := strings.TrimPrefix(text, "now")
	relative = strings.HasPrefix(rest, "-") || rest != text
	switch {
	case text == "now":
		return now, true, nil
	case relative:
		t, err = before(rest, now)
	default:
		if t, err = unix(text); err != nil {
			// A "+" that was not escaped arrives as a space.
			t, err = time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
		}
	}
	if err != nil {
		return time.Time{}, relative, errNoMoment
	}
	if !InRange(t) {
		return time.Time{}, relative, errBeyond
	}
	return t, relative, nil
}

// InRange tells whether a time's nanoseconds since 1970 fit into 64 bits, as
// those of all that is recorded do.
func InRange(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 2262 }

// before reads "-15m".
func before(text string, now time.Time) (time.Time, error) {
	amount, ok := strings.CutPrefix(text, "-")
	if !ok {
		return time.Time{}, errNoMoment
	}
	d, err := Span(amount)
	return now.Add(-d), err
}

// Span reads how long something is, as "15m": Go's durations, and days and weeks.
func Span(text string) (time.Duration, error) {
	if text == "" || text[0] < '0' || text[0] > '9' {
		return 0, errNoSpan
	}
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if count, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseUint(count, 10, 63)
			if err != nil || n > uint64(math.MaxInt64/length) {
				return 0, errNoSpan
			}
			return time.Duration(n) * length, nil
		}
	}
	return time.ParseDuration(text)
}

// unix reads a number of seconds, or of smaller units, since 1970.
func unix(text string) (time.Time, error) {
	whole, fraction, hasFraction := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || hasFraction && fraction == "" {
		return time.Time{}, errNoMoment
	}
	number := int64(n)
	var t time.Time
	switch {
	case number < 1e11:
		nanos, ok := fractionNanos(fraction)
		if !ok {
			return time.Time{}, errNoMoment
		}
		t = time.Unix(number, nanos)
	case hasFraction:
		return time.Time{}, errNoMoment
	case number < 1e14:
		t = time.UnixMilli(number)
	case number < 1e17:
		t = time.UnixMicro(number)
	default:
		t = time.Unix(0, number)
	}
	return t.UTC(), nil
}

// fractionNanos reads the digits behind the point of a number of seconds.
func fractionNanos(digits string) (int64, bool) {
	if strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	if len(digits) > 9 {
		digits = digits[:9]
	}
	n, err := strconv.ParseUint(digits+strings.Repeat("0", 9-len(digits)), 10, 63)
	return int64(n), err == nil
}
