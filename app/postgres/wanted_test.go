package postgres

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode/utf8"

	"millrace/app"
)

// FuzzLiterals: what a regular expression matches holds every text that
// PostgreSQL is told to look for, and a run that has it in a message has its
// trigrams. A match is made out of the pattern, beside the message that is given.
func FuzzLiterals(f *testing.F) {
	for _, pattern := range []string{
		`timeout after \d+ ms`, `(?i)Kiosk|sky`, `(?i:a{3}b{2,})c+(def)*`, `^abc(?:def|dexy)$`, `(?s)abc.*(?-s)x.z`, `(ab)cd+?ef{0,2}`, `[a]bc\Q.*\E`, `(?i)ärger\x{212a}ilo`,
		`a%b_c\\d`, `(?:abc){2}(?:xyz){0}`, `\bword\b\pL+`, `abc|abd`, ``,
	} {
		f.Add(pattern, "the Kiosk: timeout after 30 ms", uint64(1))
	}
	f.Fuzz(func(t *testing.T, pattern, message string, seed uint64) {
		compiled, err := regexp.Compile(pattern)
		if err != nil || len(pattern) > 1000 {
			return
		}
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(seed, 0))
		for _, m := range []string{message, matchOf(parsed, random), "x" + matchOf(parsed, random) + "y"} {
			if !storable(m) || !compiled.MatchString(m) {
				continue // a match as it was made does not look at what is around it
			}
			var run signature
			addTrigrams(&run, m)
			for _, l := range literals(pattern) {
				if l.folded && !strings.Contains(lowerASCII(m), lowerASCII(l.text)) || !l.folded && !strings.Contains(m, l.text) {
					t.Errorf("%q matches %q without %q", pattern, m, l.text)
				}
			}
			if w := wantedOf(app.Filter{Patterns: []string{pattern}}); !run.hasAll(w.trigrams, trigramProbes) {
				t.Errorf("%q matches %q, whose run has not all trigrams", pattern, m)
			}
		}
	})
}

// matchOf makes what a regular expression may match.
func matchOf(re *syntax.Regexp, random *rand.Rand) string {
	var out strings.Builder
	var add func(re *syntax.Regexp)
	repeat := func(re *syntax.Regexp, least int) {
		for range least + random.IntN(3) {
			if out.Len() < 4096 {
				add(re)
			}
		}
	}
	add = func(re *syntax.Regexp) {
		switch re.Op {
		case syntax.OpLiteral:
			for _, r := range re.Rune {
				if re.Flags&syntax.FoldCase != 0 && random.IntN(2) == 0 {
					for _, other := range []string{strings.ToUpper(string(r)), strings.ToLower(string(r))} {
						r, _ = utf8.DecodeRuneInString(other)
					}
				}
				out.WriteRune(r)
			}
		case syntax.OpCharClass:
			if len(re.Rune) > 0 {
				at := random.IntN(len(re.Rune)/2) * 2
				out.WriteRune(re.Rune[at] + rune(random.IntN(int(min(re.Rune[at+1]-re.Rune[at], 200))+1)))
			}
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			out.WriteRune([]rune("aK\u212aſ日 %_")[random.IntN(8)])
		case syntax.OpStar, syntax.OpQuest:
			repeat(re.Sub[0], 0)
		case syntax.OpPlus:
			repeat(re.Sub[0], 1)
		case syntax.OpRepeat:
			repeat(re.Sub[0], re.Min)
		case syntax.OpAlternate:
			add(re.Sub[random.IntN(len(re.Sub))])
		case syntax.OpConcat, syntax.OpCapture:
			for _, sub := range re.Sub {
				add(sub)
			}
		}
	}
	add(re)
	return out.String()
}

func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

func (s *signature) hasAll(hashes []uint64, probes int) bool {
	for _, hash := range hashes {
		if !s.has(hash, probes) {
			return false
		}
	}
	return true
}

func (s *signature) has(hash uint64, probes int) bool {
	for i := range probes {
		if at := probe(hash, i) % signatureBits; s.words[at/64]&(1<<(at%64)) == 0 {
			return false
		}
	}
	return true
}

// FuzzWanted: a log that a filter wants, once stored, is in a run that may have
// it, and holds one of the objects that PostgreSQL is told to look for.
func FuzzWanted(f *testing.F) {
	f.Add("Timeout \u212aiosk", "timeout kiosk", "shop", []byte(`{"http":{"status":500},"a.b":{"c":"x"}}`), "http.status", "500.0", uint(0))
	f.Add("é\x00abc", "\u2400abc", "\xff", []byte(`{"n":1e3,"t":true,"z":null,"s":"\ud83d\ude00"}`), "n", "1000", uint(1))
	f.Add("", "", "", []byte(`{"deep":{"er":{"still":-0.0}},"a":[{"b":1}],"":"\u0000"}`), "deep.er.still", "0", uint(2))
	var runs signer // one for all: it is large
	f.Fuzz(func(t *testing.T, message, text, host string, attributes []byte, name, value string, pick uint) {
		if !json.Valid(attributes) || len(attributes) > 4096 || strings.Count(name, ".") > app.MaxAttributeDots {
			return
		}
		log := *repaired(&app.Log{Message: message, Host: host, TraceID: "00112233445566778899aabbccddeeff", Attributes: attributes})
		runs.reset()
		runs.add(0, &log, false)
		filters := []app.Filter{
			{Texts: []string{text}, Hosts: []string{"another", host}}, {TraceIDs: []string{log.TraceID}},
			{Attributes: []app.AttributeFilter{{Name: name, Values: []string{value}}}},
		}
		var object map[string]any
		decoder := json.NewDecoder(bytes.NewReader(log.Attributes))
		decoder.UseNumber()
		_ = decoder.Decode(&object) // what is none has no leaves
		if found := scalarsIn("", object); len(found) > 0 {
			one := found[pick%uint(len(found))]
			if strings.Count(one.Name, ".") <= app.MaxAttributeDots {
				filters = append(filters, app.Filter{Attributes: []app.AttributeFilter{one}})
			}
		}
		for _, filter := range filters {
			m, err := app.NewMatcher(filter)
			if err != nil {
				t.Fatal(err)
			}
			for i := range filter.Hosts {
				filter.Hosts[i] = shownText(filter.Hosts[i], 0)
			}
			if !m.Matches(&log) {
				continue
			}
			w := wantedOf(filter)
			if !runs.text.hasAll(w.trigrams, trigramProbes) {
				t.Errorf("%q lacks trigrams of %q", log.Message, filter.Texts)
			}
			for _, any := range w.fields {
				found := false
				for _, hash := range any {
					found = found || runs.fields.has(hash, fieldProbes)
				}
				if !found {
					t.Errorf("%+v: the run of %s has none of its fields", filter, log.Attributes)
				}
			}
			for _, a := range filter.Attributes {
				if !holdsOne(object, containments(a)) {
					t.Errorf("%s holds none of %s", log.Attributes, containments(a))
				}
			}
		}
	})
}

// scalarsIn lists filters that want an object for one of its scalars each.
func scalarsIn(prefix string, object map[string]any) (all []app.AttributeFilter) {
	for name, value := range object {
		filter := app.AttributeFilter{Name: prefix + name}
		switch value := value.(type) {
		case map[string]any:
			all = append(all, scalarsIn(prefix+name+".", value)...)
			continue
		case string:
			filter.Values = []string{value}
		case json.Number:
			filter.Values = []string{string(value)}
		default:
			text, _ := json.Marshal(value)
			filter.Values = []string{string(text)}
		}
		all = append(all, filter)
	}
	return all
}

// holdsOne tells what @> of jsonb would, of objects with one scalar each.
func holdsOne(object map[string]any, containments []string) bool {
	for _, containment := range containments {
		var wanted map[string]any
		decoder := json.NewDecoder(strings.NewReader(containment))
		decoder.UseNumber()
		if decoder.Decode(&wanted) == nil && holds(object, wanted) {
			return true
		}
	}
	return false
}

func holds(object, wanted map[string]any) bool {
	for name, want := range wanted {
		have, ok := object[name]
		if !ok {
			return false
		}
		switch want := want.(type) {
		case map[string]any:
			inner, ok := have.(map[string]any)
			return ok && holds(inner, want)
		case json.Number:
			number, ok := have.(json.Number)
			return ok && canonical(string(number)) == canonical(string(want))
		default:
			return have == want
		}
	}
	return true
}
