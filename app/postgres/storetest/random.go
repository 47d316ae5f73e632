package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
	for range 100 {
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
	if random.IntN(4) == 0 {
		query.Texts = []string{[]string{"a", "B", "aA", "1-", "c 3"}[random.IntN(5)]}
	}
	return query
}
