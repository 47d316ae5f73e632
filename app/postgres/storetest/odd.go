package storetest

import (
	"encoding/json"
	"strings"
	"time"

	"millrace/app"
)

// Odd are ways in which a log can be odd. Each makes an odd one of a plain one.
var Odd = oddLogs()

func oddLogs() []func(app.Log) app.Log {
	var odd []func(app.Log) app.Log
	add := func(change func(*app.Log)) {
		odd = append(odd, func(log app.Log) app.Log { change(&log); return log })
	}
	for _, text := range []string{
		"", "\x00", "a\x00b", "\xe9", "\xff\xfe", "\xed\xa0\x80", "\xf4\x90\x80\x80", "é\xc3", "\ufeff", "\ufffd", "\uffff", "␀",
		strings.Repeat("long ", 100_000), strings.Repeat("é", 4000), strings.Repeat("\xff", 4000),
	} {
		add(func(l *app.Log) { l.Message = text })
		add(func(l *app.Log) { l.Service = text })
		add(func(l *app.Log) { l.Host = text })
	}
	for _, text := range []string{"4BF92F3577B34DA6A3CE929D0E0E4736", "4bf", "no hexadecimal!", "\x00", strings.Repeat("ab", 2000)} {
		add(func(l *app.Log) { l.TraceID = text })
		add(func(l *app.Log) { l.SpanID = text })
	}
	for _, moment := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Unix(1<<40, 0),
		Now.AddDate(-40, 0, 0), Now.AddDate(100, 0, 0), Now.Add(72 * time.Hour), Now.Add(24 * time.Hour).In(time.FixedZone("", 5*3600)),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		add(func(l *app.Log) { l.Time = moment })
		add(func(l *app.Log) { l.ReceivedAt = moment })
	}
	add(func(l *app.Log) { l.Level = 255 })
	for _, attributes := range OddAttributes() {
		add(func(l *app.Log) { l.Attributes = json.RawMessage(attributes) })
	}
	add(func(l *app.Log) { // what a repair adds is there already
		l.Message = "\x00"
		l.Attributes = json.RawMessage(`{"millrace.raw.message":"theirs"}`)
	})
	return odd
}

// OddAttributes are texts that a JSON object may be, or should have been.
func OddAttributes() []string {
	nested := func(open, inner, end string, depth int) string {
		return `{"a":` + strings.Repeat(open, depth) + inner + strings.Repeat(end, depth) + `}`
	}
	return []string{
		`{}`, `{ }`, " {\t\"a\" : 1 }\r\n", `null`, `[]`, `1`, `""`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1}{"b":2}`, `{"a":1} x`,
		`{"a":"\u0000"}`, `{"\u0000":1}`, `{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud83dx"}`, `{"a":"\ud83d\u0041"}`,
		`{"a":"\u00e"}`, `{"a":"\x"}`, `{"a":"\`, "{\"a\":\"\x00\"}", "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}", "{\"\xff\":1}", "\ufeff{}", `{"":""}`,
		`{"a":1,"a":2}`, `{"a":01}`, `{"a":-}`, `{"a":-0.0e-0}`, `{"a":+1}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":0x1}`, `{"a":tru}`,
		`{"a":1e308}`, `{"a":1e400000}`, `{"a":1e-400000}`, `{"a":1e131071}`, `{"a":[1E+999999999999999999999]}`, `{"a":1e00000000000000000001}`,
		`{"a":` + strings.Repeat("9", 200_000) + `}`, `{"a":0.` + strings.Repeat("1", 20_000) + `}`, `{"a":9007199254740993}`,
		nested("[", "1", "]", 499), nested("[", "1", "]", 500), nested("[", "\"\\u0000\"", "]", 9_000), nested("[", "1", "]", 20_000),
		nested(`{"b":`, "1", "}", 500), nested(`{"b":`, "1", "}", 9_000), nested(`{"b":`, "1", "}", 200_000), nested("[", "", "", 200_000),
		`{"` + strings.Repeat("k", 70_000) + `":1}`, `{"a":"` + strings.Repeat("v", 500_000) + `"}`,
	}
}
