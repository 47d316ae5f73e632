package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/app"
)

// large is the size of a log that is as large as most that are: so many bytes
// compress well.
const large = 900_000

// largeLog has most of its bytes where its kind says.
var largeLog = map[string]func(i, size int) app.Log{
	"messages": func(i, size int) app.Log {
		return LogAt(time.Duration(i)*time.Second, fmt.Sprintf("Large %03d ", i)+strings.Repeat("large ", size/6))
	},
	"attributes": func(i, size int) app.Log {
		log := LogAt(time.Duration(i)*time.Second, fmt.Sprintf("Large %03d ", i))
		log.Attributes = []byte(`{"text":"` + strings.Repeat("large ", size/6) + `"}`)
		return log
	},
}

func newestOfLargeLogs(t *testing.T, open Open) {
	for name, make := range largeLog {
		t.Run(name, func(t *testing.T) {
			store, reader := open(t)
			for i := range 12 {
				mustStore(t, store, Batch("k3v9", uint64(i+1), make(i, large)))
			}
			newest, _, err := reader.Newest(t.Context(), 1000)
			if err != nil || len(newest) != app.RecentBytes/large || !newest[0].Time.Equal(Now) {
				t.Errorf("%d logs, %v; want %d", len(newest), err, app.RecentBytes/large)
			}
		})
	}
}

// Each way of reading a page has logs of all sizes before it, in runs of which
// more than one is read at once. One is larger than a page.
func pagesOfLargeLogs(t *testing.T, open Open) {
	sizes := slices.Concat(slices.Repeat([]int{large}, 14), []int{6, 6, 6, app.PageBytes + 6, 6, 6}, slices.Repeat([]int{large, 6}, 10))
	for kind, make := range largeLog {
		t.Run(kind, func(t *testing.T) {
			store, reader := open(t)
			for i, size := range sizes {
				mustStore(t, store, Batch("k3v9", uint64(i+1), make(i, size)))
			}
			for name, filter := range map[string]app.Filter{
				"all":                    {},
				"a text":                 {Texts: []string{"large 0"}},
				"a regular expression":   {Patterns: []string{`^[Ll].r`}},
				"that wants a text":      {Patterns: []string{`^Large [0-9]`}},
				"or that another is not": {NotPatterns: []string{`^Large 003`}},
			} {
				for _, ascending := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, oldest first %v", name, ascending), func(t *testing.T) {
						sweep(t, reader, app.Query{Filter: filter, Limit: 1000, OldestFirst: ascending}, sizes)
					})
				}
			}
		})
	}
}

// sweep goes through a listing of large logs page by page, there and back, and
// wants each log once in its order, and pages as large as may be.
func sweep(t *testing.T, reader app.LogReader, query app.Query, sizes []int) {
	t.Helper()
	var want []int
	for i := range sizes {
		if len(query.NotPatterns) == 0 || i != 3 {
			want = append(want, i)
		}
	}
	if query.OldestFirst {
		slices.Reverse(want)
	}
	read := func() (app.Page, []int) {
		page, err := reader.Logs(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		return page, numbersOf(t, page.Logs)
	}
	page, there := read()
	for page.Next != nil {
		last := page
		var more []int
		query.At = page.Next
		page, more = read()
		if len(more) == 0 {
			t.Fatal("a page of which the one before told is empty")
		}
		if bytesOf(last.Logs)+page.Logs[0].Bytes() <= app.PageBytes {
			t.Errorf("a page ends at %d bytes, before a log of %d", bytesOf(last.Logs), page.Logs[0].Bytes())
		}
		there = append(there, more...)
	}
	if !slices.Equal(there, want) {
		t.Errorf("there: %v\nwant   %v", there, want)
	}
	back := numbersOf(t, page.Logs)
	for page.Prev != nil {
		var more []int
		query.At = page.Prev
		if page, more = read(); page.Next == nil {
			t.Error("no way on from where it came from")
		}
		back = append(more, back...)
	}
	if !slices.Equal(back, want) {
		t.Errorf("back:  %v\nwant   %v", back, want)
	}
}

// numbersOf returns which logs of a page they are, and wants the page to be no
// larger than it may be.
func numbersOf(t *testing.T, logs []app.Log) []int {
	t.Helper()
	if total := bytesOf(logs); total > app.PageBytes && len(logs) > 1 {
		t.Errorf("a page of %d logs has %d bytes", len(logs), total)
	}
	numbers := make([]int, len(logs))
	for i := range logs {
		if _, err := fmt.Sscanf(logs[i].Message, "Large %d", &numbers[i]); err != nil {
			t.Fatal(err)
		}
	}
	return numbers
}

func bytesOf(logs []app.Log) (total int) {
	for i := range logs {
		total += logs[i].Bytes()
	}
	return total
}
