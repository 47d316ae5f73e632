package query

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"millrace/http/openapi"
)

var errNoMoment = errors.New("want a time as 2026-01-31T12:00:00Z, seconds or milliseconds since 1970, or a time ago as -15m, -6h, -2d")

// moment reads a time: RFC 3339; Unix time in seconds (also with a fraction),
// milliseconds, microseconds or nanoseconds, told apart by size; "now"; or one
// relative to now, as -15m, -1h30m, -2d, -1w, also written now-15m. relative
// tells whether it was.
func moment(text string, now time.Time) (t time.Time, relative bool, err error) {
	switch rest := strings.TrimPrefix(text, "now"); {
	case text == "now":
		return now, true, nil
	case strings.HasPrefix(rest, "-") || rest != text:
		d, err := durationBefore(rest)
		t = now.Add(-d)
		if err != nil || !openapi.InRange(t) {
			return time.Time{}, true, errNoMoment
		}
		return t, true, nil
	}
	if t, ok := unix(text); ok {
		return t, false, nil
	}
	// A "+" that was not escaped arrives as a space.
	t, err = time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil || !openapi.InRange(t) {
		return time.Time{}, false, errNoMoment
	}
	return t, false, nil
}

// durationBefore reads "-15m": Go's durations, and days and weeks.
func durationBefore(text string) (time.Duration, error) {
	amount, ok := strings.CutPrefix(text, "-")
	if !ok || amount == "" || amount[0] < '0' || amount[0] > '9' {
		return 0, errNoMoment
	}
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if count, ok := strings.CutSuffix(amount, unit); ok {
			n, err := strconv.ParseUint(count, 10, 63)
			if err != nil || n > uint64(math.MaxInt64/length) {
				return 0, errNoMoment
			}
			return time.Duration(n) * length, nil
		}
	}
	return time.ParseDuration(amount)
}

// unix reads a number of seconds, or of smaller units, since 1970.
func unix(text string) (time.Time, bool) {
	whole, fraction, hasFraction := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || hasFraction && fraction == "" {
		return time.Time{}, false
	}
	number := int64(n)
	var t time.Time
	switch {
	case number < 1e11:
		nanos, ok := fractionNanos(fraction)
		if !ok {
			return time.Time{}, false
		}
		return inTime(time.Unix(number, nanos))
	case hasFraction:
		return time.Time{}, false
	case number < 1e14:
		t = time.UnixMilli(number)
	case number < 1e17:
		t = time.UnixMicro(number)
	default:
		t = time.Unix(0, number)
	}
	return inTime(t)
}

func inTime(t time.Time) (time.Time, bool) { return t.UTC(), openapi.InRange(t) }

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
