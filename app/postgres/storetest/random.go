package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/app"
)

// randomly asks the same of the reader under test and of a Memory.
func randomly(t *testing.T, open Open) {
	store, reader := open(t)
	memory := NewMemory()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for n := range 12 {
		logs := make([]app.Log, 1+random.IntN(12))
		for i := range logs {
			logs[i] = randomLog(random, fmt.Sprintf("%c%c %d-%d", 'a'+rune(random.IntN(3)), 'A'+rune(random.IntN(3)), n, i))
		}
		batch := Batch("k3v9", uint64(1+n*100), logs...)
		mustStore(t, store, batch)
		mustStore(t, memory, batch)
	}
	for range 300 {
		query := randomQuery(random)
		other := query
		for range 8 { // pages, there and back as it comes
			got, err := reader.Logs(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			want, err := memory.Logs(t.Context(), other)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(Messages(got.Logs), Messages(want.Logs)) || (got.Next == nil) != (want.Next == nil) || (got.Prev == nil) != (want.Prev == nil) {
				t.Fatalf("seed %d, %+v\ngot  %q, next %v, prev %v\nwant %q, next %v, prev %v", seed, query,
					Messages(got.Logs), got.Next, got.Prev, Messages(want.Logs), want.Next, want.Prev)
			}
			query.At, other.At = got.Next, want.Next
			if query.At == nil || got.Prev != nil && random.IntN(3) == 0 {
				query.At, other.At = got.Prev, want.Prev
			}
			if query.At == nil {
				break
			}
		}
	}
}

// randomLog is one of few moments, so that many share one.
func randomLog(random *rand.Rand, message string) app.Log {
	log := LogAt(randomAgo(random), message)
	log.Level = app.Level(random.IntN(7))
	log.Service = fmt.Sprint("service-", random.IntN(3))
	log.Host = fmt.Sprint("web-", random.IntN(2))
	log.Message = fmt.Sprintf("%s %s order %d", log.Message, pick(random, words), random.IntN(5))
	log.Attributes = json.RawMessage(pick(random, objects))
	log.TraceID = pick(random, traces)
	return log
}

// randomAgo reaches over days and beyond the window on both sides, at times
// with nanoseconds.
func randomAgo(random *rand.Rand) time.Duration {
	days := []time.Duration{0, 0, 0, 1, 2, -1, 400, -400}[random.IntN(8)]
	return days*24*time.Hour + time.Duration(random.IntN(4))*time.Second + time.Duration(random.IntN(2)*random.IntN(2000))
}

func randomQuery(random *rand.Rand) app.Query {
	query := app.Query{Limit: 1 + random.IntN(9), OldestFirst: random.IntN(2) == 0}
	if random.IntN(3) == 0 {
		query.From = Now.Add(-randomAgo(random))
	}
	if random.IntN(3) == 0 {
		query.To = Now.Add(-randomAgo(random))
	}
	for level := range app.Level(7) {
		if random.IntN(6) == 0 {
			query.Levels = append(query.Levels, level)
		}
	}
	for i := range 4 {
		if random.IntN(5) == 0 {
			query.Services = append(query.Services, fmt.Sprint("service-", i))
		}
	}
	if random.IntN(5) == 0 {
		query.Hosts = []string{"web-1"}
	}
	query.Filter = randomFilter(random, query.Filter)
	return query
}

// What random logs are made of, and what filters look for in them.
var (
	words    = []string{"Refused", "timeout", "naïve", "Ünder", "tIMEout", "İstanbul", "\u212aelvin", "100%", "a_b", ""}
	objects  = []string{``, `{}`, `{"user":42}`, `{"user":"42"}`, `{"user":42.0,"ok":true}`, `{"http":{"status":500}}`, `{"http.status":5e2}`, `{"http":{"status":[500]},"ok":null}`, `{"a":{"b.c":"x"},"user":-0}`, `{"user":"4\u0032","ok":false}`}
	traces   = []string{"", strings.Repeat("ab", 16), "4BF92F3577B34DA6A3CE929D0E0E4736"}
	texts    = []string{"a", "B", "aA", "1-", "c 3", "TIMEOUT", "refused", "order 3", "kelvin", "istan", "naïve", "100%", "a_b", "nobody's"}
	patterns = []string{"^a", "(?i)timeout", "order [0-2]", "(refused|timeout) ", "x{3}", "[aA]+.*order 4$", "(?i)KELVIN", "(ti|TI)meout"}
	names    = []app.AttributeFilter{
		{Name: "user", Values: []string{"42"}}, {Name: "user", Values: []string{"4.2e1", "x"}}, {Name: "http.status", Values: []string{"500"}},
		{Name: "ok", Values: []string{"true"}}, {Name: "ok", Values: []string{"false", "null"}}, {Name: "a.b.c", Values: []string{"x"}},
		{Name: "user", Values: []string{"0"}}, {Name: "nobody", Values: []string{"1"}},
	}
)

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// randomFilter adds some of the rarer conditions.
func randomFilter(random *rand.Rand, f app.Filter) app.Filter {
	some := func(from []string) []string {
		if random.IntN(8) > 0 {
			return nil
		}
		return []string{pick(random, from)}
	}
	f.Texts, f.NotTexts = some(texts), some(texts)
	f.Patterns, f.NotPatterns = some(patterns), some(patterns)
	f.NotServices, f.NotHosts = some([]string{"service-0", "nobody"}), some([]string{"web-0"})
	f.TraceIDs, f.NotTraceIDs = some(lowered(traces[1:])), some(lowered(traces[1:]))
	if random.IntN(5) == 0 {
		f.NotLevels = []app.Level{app.Level(random.IntN(7))}
	}
	for range 2 {
		if random.IntN(6) == 0 {
			a := pick(random, names)
			a.Not = random.IntN(2) == 0
			f.Attributes = append(f.Attributes, a)
		}
	}
	return f
}

func lowered(ids []string) []string {
	out := slices.Clone(ids)
	for i := range out {
		out[i] = strings.ToLower(out[i])
	}
	return out
}
