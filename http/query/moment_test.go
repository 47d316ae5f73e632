package query

import (
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"millrace/http/openapi"
)

var (
	simpleAgo  = regexp.MustCompile(`^(?:now)?-([0-9]+)(s|m|h|d|w)$`)
	simpleUnix = regexp.MustCompile(`^([0-9]+)(?:\.([0-9]+))?$`)
	units      = map[string]int64{"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
)

// FuzzMoment: what is taken for a time lies where any log may; written in the
// normal form it is the same time; and a simple reckoning agrees with ours.
func FuzzMoment(f *testing.F) {
	for _, seed := range []string{
		"now", "now-0s", "-15m", "-1h30m", "-2d", "-65535w", "-30501w", "-9223372037s", "-.5h", "-1.5h", "-9223372036854775808ns", "2026-01-31T12:00:00Z",
		"2026-01-31T12:00:00.123456789 01:00", "1769860800", "1769860800.25", "1769860800.123456789x", "1.0000000000000", "99999999999", "100000000000",
		"1769860800000000000", "9223372036854775807", "9223372036854775808", "0", "00", "1.", ".5", "+5", "1e3", "2262-01-01T00:00:00Z", "1969-12-31T23:59:60Z",
	} {
		f.Add(seed)
	}
	now := time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		at, relative, err := openapi.Moment(text, now)
		if want, sure := reckoned(text, now); sure && (err == nil) != openapi.InRange(want) || sure && err == nil && !at.Equal(want) {
			t.Errorf("%q is %s, %v; a simple reckoning has %s", text, at, err, want)
		}
		if err != nil {
			return
		}
		if !openapi.InRange(at) || relative && at.After(now) {
			t.Errorf("%q is %s", text, at)
		}
		if _, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1)); err != nil && !relative && !simpleUnix.MatchString(text) {
			t.Errorf("%q is none, and %s", text, at)
		}
		normal := normalMoment(text, now)
		again, stillRelative, err := openapi.Moment(normal, now)
		if err != nil || !again.Equal(at) || relative != stillRelative || normalMoment(normal, now) != normal {
			t.Errorf("%q is %s, its normal form %q is %s, %v", text, at, normal, again, err)
		}
	})
}

// reckoned reads the simple forms, in numbers without bounds. What is not sure is
// none of them; a time beyond all bounds is the zero one.
func reckoned(text string, now time.Time) (at time.Time, sure bool) {
	if match := simpleAgo.FindStringSubmatch(text); match != nil {
		seconds, _ := new(big.Int).SetString(match[1], 10)
		seconds.Mul(seconds, big.NewInt(units[match[2]]))
		if seconds.Cmp(big.NewInt(now.Unix())) > 0 {
			return time.Time{}, true
		}
		return now.Add(-time.Duration(seconds.Int64()) * time.Second), true
	}
	if match := simpleUnix.FindStringSubmatch(text); match != nil {
		n, _ := new(big.Int).SetString(match[1], 10)
		if !n.IsInt64() {
			return time.Time{}, true
		}
		number := n.Int64()
		for _, unit := range []struct {
			below int64
			read  func(int64) time.Time
		}{
			{1e11, func(n int64) time.Time { return time.Unix(n, 0) }}, {1e14, time.UnixMilli}, {1e17, time.UnixMicro},
			{1<<63 - 1, func(n int64) time.Time { return time.Unix(0, n) }},
		} {
			if number < unit.below {
				nanos, _ := new(big.Int).SetString((match[2] + "000000000")[:9], 10)
				if match[2] != "" && unit.below > 1e11 {
					return time.Time{}, true // only seconds have a fraction
				}
				return unit.read(number).UTC().Add(time.Duration(nanos.Int64())), true
			}
		}
		return time.Time{}, true
	}
	// A time in RFC 3339 is one; what else may be is for the others to say.
	at, err := time.Parse(time.RFC3339Nano, text)
	return at, err == nil
}

// FuzzStep: a bucket's length is as the document says, and a whole number of
// seconds.
func FuzzStep(f *testing.F) {
	for _, seed := range []string{"1s", "5m", "24h", "366d", "367d", "1w", "1h30m", "0s", "-1s", "1ms", "1e3s", "999999d", "30501w"} {
		f.Add(seed)
	}
	written := regexp.MustCompile(`^[1-9][0-9]{0,5}(s|m|h|d)$`)
	f.Fuzz(func(t *testing.T, text string) {
		length, err := step(text)
		if err != nil {
			return
		}
		count, _ := new(big.Int).SetString(text[:len(text)-1], 10)
		if !written.MatchString(text) || length != time.Duration(count.Int64()*units[text[len(text)-1:]])*time.Second || length > maxStep || length < time.Second {
			t.Errorf("%q is %s", text, length)
		}
	})
}
