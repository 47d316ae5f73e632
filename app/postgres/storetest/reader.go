package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"millrace/app"
)

// TestLogReader tests a reader over what the store beside it has stored.
func TestLogReader(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"pages show each log once, there and back":            thereAndBack,
		"pages stand still while logs arrive":                 standStill,
		"filters":                                             filters,
		"the newest come with the snapshot they were read in": newest,
		"and are not too large":                               newestOfLargeLogs,
		"pages are not too large either":                      pagesOfLargeLogs,
		"random queries are answered as Memory does":          randomly,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// fill stores n logs, several of them at each moment, and returns their
// messages oldest first.
func fill(t testing.TB, store app.BatchStore, n int) (oldestFirst []string) {
	t.Helper()
	logs := make([]app.Log, n)
	for i := range logs {
		logs[i] = LogAt(time.Duration(n-i/3)*time.Second, fmt.Sprintf("message %03d", i))
		logs[i].Service = []string{"checkout", "payments"}[i%2]
		logs[i].Level = app.Level(i%6 + 1)
		oldestFirst = append(oldestFirst, logs[i].Message)
	}
	mustStore(t, store, Batch("k3v9", 1, logs...))
	return oldestFirst
}

func thereAndBack(t *testing.T, open Open) {
	store, reader := open(t)
	oldestFirst := fill(t, store, 50)
	for _, limit := range []int{1, 7, 25, 49, 50, 51} {
		for _, ascending := range []bool{false, true} {
			want := slices.Clone(oldestFirst)
			if !ascending {
				slices.Reverse(want)
			}
			query := app.Query{Limit: limit, OldestFirst: ascending}
			pages := walk(t, reader, query)
			if got := slices.Concat(pages...); !slices.Equal(got, want) {
				t.Errorf("limit %d, oldest first %v: got %q", limit, ascending, got)
			}
			for i, page := range pages {
				if len(page) != limit && i != len(pages)-1 {
					t.Errorf("limit %d: page %d has %d logs", limit, i, len(page))
				}
			}
		}
	}
}

// walk goes through a listing page by page to its end and back, and returns the
// pages' messages.
func walk(t *testing.T, reader app.LogReader, query app.Query) (pages [][]string) {
	t.Helper()
	read := func() app.Page {
		page, err := reader.Logs(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	var last app.Page
	for {
		last = read()
		if (last.Prev == nil) != (len(pages) == 0) {
			t.Fatalf("page %d: prev is %v", len(pages), last.Prev)
		}
		pages = append(pages, Messages(last.Logs))
		if last.Next == nil {
			break
		}
		query.At = last.Next
	}
	for i := len(pages) - 2; i >= 0; i-- {
		query.At = last.Prev
		last = read()
		if !slices.Equal(Messages(last.Logs), pages[i]) {
			t.Fatalf("page %d on the way back: %q, want %q", i, Messages(last.Logs), pages[i])
		}
		if last.Next == nil || (last.Prev == nil) != (i == 0) {
			t.Fatalf("page %d on the way back: next %v, prev %v", i, last.Next, last.Prev)
		}
	}
	return pages
}

func standStill(t *testing.T, open Open) {
	store, reader := open(t)
	want := fill(t, store, 60)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for first := uint64(1000); ; first++ {
			select {
			case <-stop:
				return
			default:
				// Between, before and after those that are being read.
				late := []app.Log{LogAt(30*time.Second, "late"), LogAt(-time.Second, "late"), LogAt(time.Hour, "late")}
				if _, err := store.Store(t.Context(), Batch("k3v9", first, late...)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	defer wait.Wait()
	defer close(stop)
	query := app.Query{Limit: 4}
	var seen []string
	for len(seen) < len(want) {
		page, err := reader.Logs(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, log := range page.Logs {
			if log.Message != "late" {
				seen = append(seen, log.Message)
			}
		}
		if query.At = page.Next; query.At == nil {
			break
		}
	}
	slices.Reverse(seen)
	if !slices.Equal(seen, want) {
		t.Errorf("got %q", seen)
	}
}

func filters(t *testing.T, open Open) {
	store, reader := open(t)
	fill(t, store, 60)
	special := LogAt(0, `100% of_the "time" \o/ ÉCLAIR`)
	special.Service, special.Host, special.Time = "odd", "db-1", Now.Add(500)
	mustStore(t, store, Batch("k3v9", 61, special))
	for name, c := range map[string]struct {
		filter app.Filter
		want   int
	}{
		"everything":               {app.Filter{}, 61},
		"a service":                {app.Filter{Services: []string{"checkout"}}, 30},
		"two services":             {app.Filter{Services: []string{"checkout", "odd"}}, 31},
		"a host":                   {app.Filter{Hosts: []string{"db-1"}}, 1},
		"two hosts":                {app.Filter{Hosts: []string{"db-1", "web-1"}}, 61},
		"levels":                   {app.Filter{Levels: []app.Level{app.LevelWarn, app.LevelError}}, 20},
		"a service and a level":    {app.Filter{Services: []string{"payments"}, Levels: []app.Level{app.LevelDebug}}, 10},
		"text, any case":           {app.Filter{Texts: []string{"MESSAGE 01"}}, 10},
		"text, any letter's case":  {app.Filter{Texts: []string{"éclair"}}, 1},
		"percent is no wild card":  {app.Filter{Texts: []string{"100% of"}}, 1},
		"underscore is none":       {app.Filter{Texts: []string{"f_t"}}, 1},
		"backslash":                {app.Filter{Texts: []string{`\O/`}}, 1},
		"backslash at the end":     {app.Filter{Texts: []string{`\`}}, 1},
		"text nobody wrote":        {app.Filter{Texts: []string{"%e%"}}, 0},
		"text nobody can store":    {app.Filter{Texts: []string{"a\x00"}}, 0},
		"text that is no text":     {app.Filter{Texts: []string{"\xff"}}, 0},
		"from":                     {app.Filter{From: Now.Add(-41 * time.Second)}, 4},
		"from, to the nanosecond":  {app.Filter{From: Now.Add(500)}, 1},
		"from, a nanosecond later": {app.Filter{From: Now.Add(501)}, 0},
		"to":                       {app.Filter{To: Now.Add(-59 * time.Second)}, 3},
		"to, to the nanosecond":    {app.Filter{To: Now.Add(500)}, 60},
		"to, a nanosecond later":   {app.Filter{To: Now.Add(501)}, 61},
		"a range":                  {app.Filter{From: Now.Add(-50 * time.Second), To: Now.Add(-48 * time.Second)}, 6},
		"a range without end":      {app.Filter{From: time.Unix(-1<<62, 0), To: time.Unix(1<<62, 0)}, 61},
		"an empty range":           {app.Filter{From: Now, To: Now.Add(-time.Hour)}, 0},
		"a service of no kind":     {app.Filter{Services: []string{"nobody's\x00"}}, 0},
		"services of no kind":      {app.Filter{Services: []string{"\xff", "a\x00b", "odd"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := reader.Logs(t.Context(), app.Query{Filter: c.filter, Limit: 100})
			if err != nil || len(page.Logs) != c.want {
				t.Errorf("%d logs, error %v; want %d", len(page.Logs), err, c.want)
			}
		})
	}
}

func newest(t *testing.T, open Open) {
	store, reader := open(t)
	logs, empty, err := reader.Newest(t.Context(), 5)
	if err != nil || len(logs) != 0 || empty == "" {
		t.Fatal(logs, empty, err)
	}
	fill(t, store, 10)
	mustStore(t, store, Batch("k3v9", 11, LogAt(-100*365*24*time.Hour, "in a hundred years")))
	logs, snapshot, err := reader.Newest(t.Context(), 2)
	if got := Messages(logs); err != nil || !slices.Equal(got, []string{"message 009", "message 008"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if !snapshot.Includes(empty) || empty.Includes(snapshot) {
		t.Errorf("snapshot %s came after %s", snapshot, empty)
	}
}
