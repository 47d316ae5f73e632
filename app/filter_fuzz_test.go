package app_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"millrace/app"
)

// FuzzAttributes: a filter by an attribute wants a log exactly when a scalar lies
// where the names on the way to it, joined by dots, are the filter's name; each
// scalar of a log is found so; and who excludes it wants all other logs.
func FuzzAttributes(f *testing.F) {
	for _, seed := range [][3]string{
		{`{"http":{"status":500}}`, "http.status", "500"}, {`{"http.status":5e2,"http":1}`, "http.status", "500.0"},
		{`{"a":{"b.c":true},"a.b":{"c":null}}`, "a.b.c", "true"}, {`{"a":{"":{"":"x"}}}`, "a..", "x"},
		{`{"":-0.0,"x":[1,{"y":1}]}`, "", "0"}, {`{"n":100000000000000000000000000000000000000000000000.5}`, "n", "1e2"}, {`{"a":"true"}`, "a", "true"},
	} {
		f.Add([]byte(seed[0]), seed[1], seed[2], uint(0))
	}
	f.Fuzz(func(t *testing.T, attributes []byte, name, value string, pick uint) {
		var object map[string]any
		decoder := json.NewDecoder(bytes.NewReader(attributes))
		decoder.UseNumber()
		if !json.Valid(attributes) || decoder.Decode(&object) != nil {
			return
		}
		log := &app.Log{Attributes: attributes}
		leaves := leavesOf("", object)
		want := false
		for _, l := range leaves {
			want = want || l.name == name && equalScalar(l.value, value)
		}
		if got := matches(t, app.AttributeFilter{Name: name, Values: []string{value}}, log); got != want {
			t.Errorf("%s: %q = %q: %v", attributes, name, value, got)
		}
		if matches(t, app.AttributeFilter{Name: name, Values: []string{value}, Not: true}, log) == want {
			t.Errorf("%s: %q = %q and its negation agree", attributes, name, value)
		}
		if len(leaves) == 0 {
			return
		}
		l := leaves[pick%uint(len(leaves))]
		text := scalarText(l.value)
		if _, number := l.value.(json.Number); number && !app.IsNumber(text) {
			return // one that no filter can speak of
		}
		if !matches(t, app.AttributeFilter{Name: l.name, Values: []string{"something else", text}}, log) {
			t.Errorf("%s: %q = %q is not found", attributes, l.name, text)
		}
	})
}

func matches(t *testing.T, filter app.AttributeFilter, log *app.Log) bool {
	t.Helper()
	m, err := app.NewMatcher(app.Filter{Attributes: []app.AttributeFilter{filter}})
	if err != nil {
		t.Fatal(err)
	}
	return m.Matches(log)
}

type leaf struct {
	name  string
	value any
}

// leavesOf lists the scalars in an object, but for those in arrays.
func leavesOf(prefix string, object map[string]any) (all []leaf) {
	for name, value := range object {
		switch value := value.(type) {
		case map[string]any:
			all = append(all, leavesOf(prefix+name+".", value)...)
		case []any:
		default:
			all = append(all, leaf{prefix + name, value})
		}
	}
	return all
}

func equalScalar(scalar any, value string) bool {
	number, ok := scalar.(json.Number)
	if !ok {
		return scalarText(scalar) == value
	}
	if len(number) > 300 || strings.ContainsAny(string(number), "eE") && !app.IsNumber(string(number)) {
		// Too much for a Rat; and beyond what a filter speaks of, as its digits are few.
		return false
	}
	a, _ := new(big.Rat).SetString(string(number))
	b, okay := new(big.Rat).SetString(value)
	return app.IsNumber(value) && okay && a.Cmp(b) == 0
}

func scalarText(scalar any) string {
	switch scalar := scalar.(type) {
	case string:
		return scalar
	case bool:
		return map[bool]string{true: "true", false: "false"}[scalar]
	case json.Number:
		return string(scalar)
	default:
		return "null"
	}
}

// FuzzMatcher: a log is wanted by a choice or by its negation, never by both; a
// text is found wherever its letters stand in a row, whatever their case; and a
// further condition never lets a log in.
func FuzzMatcher(f *testing.F) {
	f.Add("Timeout after 30 s", "TIMEOUT", `after \d+`, "shop", "shop", uint8(4), uint8(4), int64(5))
	f.Add("ÄÖÜ ǅ K", "äöü ǆ k", `(?i)ÄÖ`, "", "x", uint8(0), uint8(6), int64(0))
	f.Add("", "", ``, "a", "", uint8(9), uint8(1), int64(-1))
	f.Fuzz(func(t *testing.T, message, text, pattern, service, wanted string, level, least uint8, nanos int64) {
		if !utf8.ValidString(message) || !utf8.ValidString(text) {
			return
		}
		log := &app.Log{Message: message, Service: service, Host: wanted, Level: app.Level(level), Time: time.Unix(0, nanos)}
		wants := func(f app.Filter) bool {
			m, err := app.NewMatcher(f)
			if err != nil {
				t.Skip() // the pattern is none
			}
			return m.Matches(log)
		}
		at := time.Unix(0, 0)
		pairs := [][2]app.Filter{
			{{Services: []string{wanted}}, {NotServices: []string{wanted}}},
			{{Hosts: []string{service}}, {NotHosts: []string{service}}},
			{{Levels: []app.Level{app.Level(least), 3}}, {NotLevels: []app.Level{app.Level(least), 3}}},
			{{Texts: []string{text}}, {NotTexts: []string{text}}},
			{{Patterns: []string{pattern}}, {NotPatterns: []string{pattern}}},
			{{From: at}, {To: at}},
		}
		for i, pair := range pairs {
			if wants(pair[0]) == wants(pair[1]) {
				t.Errorf("%+v and %+v: %v", pair[0], pair[1], wants(pair[0]))
			}
			other := pairs[(i+1)%len(pairs)][0]
			both := pair[0]
			both.Services = append(both.Services, other.Services...)
			both.Hosts, both.Levels, both.Texts = append(both.Hosts, other.Hosts...), append(both.Levels, other.Levels...), append(both.Texts, other.Texts...)
			both.Patterns = append(both.Patterns, other.Patterns...)
			if both.From.IsZero() {
				both.From = other.From
			}
			if wants(both) != (wants(pair[0]) && wants(other)) {
				t.Errorf("%+v", both)
			}
		}
		if got := wants(app.Filter{Texts: []string{text}}); got != holdsText(message, text) {
			t.Errorf("%q in %q: %v", text, message, got)
		}
	})
}

// holdsText compares letter by letter.
func holdsText(message, text string) bool {
	in, of := []rune(message), []rune(text)
	for at := 0; at+len(of) <= len(in); at++ {
		same := 0
		for same < len(of) && unicode.ToLower(in[at+same]) == unicode.ToLower(of[same]) {
			same++
		}
		if same == len(of) {
			return true
		}
	}
	return false
}

// FuzzFilterKey: a filter can be read out of its key, so that no two have the same.
func FuzzFilterKey(f *testing.F) {
	f.Add([]byte{0, 1, 1, 3, 2, 'a', 'b', 1, 0}, int64(1), int64(2))
	f.Add([]byte("\x01\x01\x04WARN\x02\x01a\x01b\x00\x00\x00\x01\x01a\x01b\x01"), int64(0), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, from, to int64) {
		in := filterOf(data)
		if from != 0 {
			in.From = time.Unix(0, from)
		}
		if to != 0 {
			in.To = time.Unix(0, to)
		}
		if out := readKey(t, in.Key()); !in.From.Equal(out.From) || !in.To.Equal(out.To) || !sameChoices(in, out) {
			t.Errorf("%+v is read as %+v", in, out)
		}
	})
}

func sameChoices(a, b app.Filter) bool {
	a.From, a.To, b.From, b.To = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// lists are the texts of a filter, in the order of its key.
func lists(f *app.Filter) []*[]string {
	return []*[]string{
		&f.Services, &f.NotServices, &f.Hosts, &f.NotHosts, &f.TraceIDs, &f.NotTraceIDs, &f.Texts, &f.NotTexts, &f.Patterns, &f.NotPatterns,
	}
}

// filterOf makes some filter of some bytes.
func filterOf(data []byte) (f app.Filter) {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	text := func() string {
		n := min(next()%8, len(data))
		s := string(data[:n])
		data = data[n:]
		return s
	}
	for range next() % 3 {
		f.Levels = append(f.Levels, app.Level(next()))
	}
	for range next() % 3 {
		f.NotLevels = append(f.NotLevels, app.Level(next()))
	}
	for _, list := range lists(&f) {
		for range next() % 3 {
			*list = append(*list, text())
		}
	}
	for range next() % 4 {
		a := app.AttributeFilter{Name: text(), Not: next()%2 == 1}
		for range next() % 3 {
			a.Values = append(a.Values, text())
		}
		f.Attributes = append(f.Attributes, a)
	}
	return f
}

// readKey reads what Filter.Key wrote.
func readKey(t *testing.T, key string) (f app.Filter) {
	t.Helper()
	number := func() int64 {
		n, size := binary.Varint([]byte(key))
		if size <= 0 {
			t.Fatalf("no number at %q", key)
		}
		key = key[size:]
		return n
	}
	texts := func() (all []string) {
		for range number() {
			n := number()
			all = append(all, key[:n])
			key = key[n:]
		}
		return all
	}
	for _, at := range []*time.Time{&f.From, &f.To} {
		if n := number(); n != -1<<63 {
			*at = time.Unix(0, n)
		}
	}
	for _, levels := range []*[]app.Level{&f.Levels, &f.NotLevels} {
		for range number() {
			*levels = append(*levels, app.Level(number()))
		}
	}
	for _, list := range lists(&f) {
		*list = texts()
	}
	for key != "" {
		f.Attributes = append(f.Attributes, app.AttributeFilter{Name: texts()[0], Values: texts(), Not: number() == 1})
	}
	return f
}
