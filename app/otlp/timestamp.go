package otlp

import (
	"errors"
	"math"
	"strconv"
	"time"
)

var (
	errNoTime = errors.New("no time")
	errRange  = errors.New("a time that OTLP cannot hold")
	errUnset  = errors.New("the zero time of Go") // what Go programs write for none
)

// maxSeconds is where the nanoseconds since 1970 end that OTLP can hold.
const maxSeconds = math.MaxUint64 / 1_000_000_000

// nanos returns a time in nanoseconds since 1970, 0 for one that OTLP cannot
// hold.
func nanos(t time.Time) uint64 {
	seconds := t.Unix()
	if seconds < 0 || seconds >= maxSeconds {
		return 0
	}
	return uint64(seconds)*1e9 + uint64(t.Nanosecond())
}

// parseTimestamp reads a time as FromJSON says, in nanoseconds since 1970.
func parseTimestamp(s []byte) (uint64, error) {
	if len(s) >= len("2006-01-02") && s[4] == '-' {
		return parseRFC3339(s)
	}
	if !isNumber(s) {
		return 0, errNoTime
	}
	var digits [40]byte
	d := parseDecimal(digits[:0], s)
	switch {
	case len(d.digits) == 0:
		return 0, nil
	case d.negative:
		return 0, errRange
	}
	unit := 0 // digits between the unit and nanoseconds
	switch {
	case d.point <= 11:
		unit = 9
	case d.point <= 14:
		unit = 6
	case d.point <= 17:
		unit = 3
	}
	return d.integer(d.point + unit)
}

// integer returns the first n digits of d as a number.
func (d decimal) integer(n int) (uint64, error) {
	if n > 20 {
		return 0, errRange
	}
	var text [20]byte
	for i := range max(n, 0) {
		text[i] = '0'
		if i < len(d.digits) {
			text[i] = d.digits[i]
		}
	}
	if n <= 0 {
		return 0, nil
	}
	v, err := strconv.ParseUint(string(text[:n]), 10, 64)
	if err != nil {
		return 0, errRange
	}
	return v, nil
}

// isNumber tells whether s is a JSON number, but for leading zeros.
func isNumber(s []byte) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	whole, s := cutDigits(s)
	if len(s) > 0 && s[0] == '.' {
		var part []byte
		if part, s = cutDigits(s[1:]); len(part) == 0 {
			return false
		}
	}
	if len(s) > 0 && s[0]|0x20 == 'e' {
		if s = s[1:]; len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		var part []byte
		if part, s = cutDigits(s); len(part) == 0 {
			return false
		}
	}
	return len(whole) > 0 && len(s) == 0
}

func cutDigits(s []byte) (digits, rest []byte) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

// parseRFC3339 reads "2006-01-02T15:04:05", a fraction and an offset, both of
// which may be missing.
func parseRFC3339(s []byte) (uint64, error) {
	const form = "dddd-dd-ddTdd:dd:dd"
	if len(s) < len(form) {
		return 0, errNoTime
	}
	for i := range form {
		switch c := form[i]; {
		case c == 'd' && (s[i] < '0' || s[i] > '9'),
			c == 'T' && s[i] != 'T' && s[i] != 't' && s[i] != ' ',
			(c == '-' || c == ':') && s[i] != c:
			return 0, errNoTime
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), time.Month(two(5)), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if hour > 23 || minute > 59 || second > 60 || second == 60 && minute != 59 {
		return 0, errNoTime
	}
	fraction, rest, ok := parseFraction(s[len(form):])
	offset, okOffset := parseOffset(rest)
	date := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	if !ok || !okOffset || month < 1 || month > 12 || day < 1 || time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Day() != day {
		return 0, errNoTime
	}
	if date.IsZero() && fraction == 0 && offset == 0 {
		return 0, errUnset
	}
	seconds := date.Unix() - int64(offset)
	if seconds < 0 || seconds >= maxSeconds {
		return 0, errRange
	}
	return uint64(seconds)*1e9 + fraction, nil
}

// parseFraction reads ".123" or ",123" in nanoseconds. There may be none.
func parseFraction(s []byte) (nanos uint64, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '.' && s[0] != ',' {
		return 0, s, true
	}
	digits, rest := cutDigits(s[1:])
	for i := range 9 {
		nanos *= 10
		if i < len(digits) {
			nanos += uint64(digits[i] - '0')
		}
	}
	return nanos, rest, len(digits) > 0
}

// parseOffset reads Z, UTC, +01:00, +0100, +01 or nothing, in seconds east.
func parseOffset(s []byte) (seconds int, ok bool) {
	if len(s) > 1 && s[0] == ' ' {
		s = s[1:]
	}
	switch string(s) {
	case "", "Z", "z", "UTC":
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	digits := make([]byte, 0, 4)
	digits = append(digits, s[1:]...)
	if len(digits) == 5 && digits[2] == ':' {
		digits = append(digits[:2], digits[3:]...)
	}
	if len(digits) == 2 {
		digits = append(digits, '0', '0')
	}
	if d, _ := cutDigits(digits); len(d) != 4 || len(digits) != 4 {
		return 0, false
	}
	hours, minutes := int(digits[0]-'0')*10+int(digits[1]-'0'), int(digits[2]-'0')*10+int(digits[3]-'0')
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}
