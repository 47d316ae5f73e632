package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

const largeLogs = 120

// openLarge returns a database with logs of 900,000 bytes, one a second, the
// number 0 last.
func openLarge(t *testing.T) (at string) {
	at = newURL(t)
	db := open(t, at)
	text := strings.Repeat("large ", 150_000)
	for i := range largeLogs {
		store(t, db, batch("k3v9", uint64(1+i), logAt(time.Duration(i)*time.Second, fmt.Sprintf("%03d %s", i, text))))
	}
	return at
}

// What is left of a statement behind a full page is not read to its end, and its
// connection is used again.
func TestWhatIsBehindAFullPageIsNotRead(t *testing.T) {
	at := openLarge(t)
	server := connect(t, at)
	proxy, through := newProxy(t, at)
	db := open(t, through)
	connections := func() []int32 {
		rows, err := server.Query(t.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid")
		if err != nil {
			t.Fatal(err)
		}
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			t.Fatal(err)
		}
		return pids
	}
	for name, filter := range map[string]app.Filter{
		"all": {}, "a text": {Texts: []string{"LARGE"}}, "a regular expression": {Patterns: []string{`^\d+ .`}}, "that wants a text": {Patterns: []string{`^\d+ large`}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := db.Reader().Logs(t.Context(), app.Query{Filter: filter, Limit: 1}); err != nil {
				t.Fatal(err)
			}
			before := connections()
			const enough = 1 << 40
			proxy.toClient.Store(enough)
			page, err := db.Reader().Logs(t.Context(), app.Query{Filter: filter, Limit: 1000})
			if err != nil || len(page.Logs) != app.PageBytes/900_000 || page.Next == nil {
				t.Fatalf("%d logs, next %v, %v", len(page.Logs), page.Next, err)
			}
			if read := enough - proxy.toClient.Load(); read > largeLogs*900_000*2/3 {
				t.Errorf("%d bytes were read", read)
			}
			for range 20 { // nothing reaches what comes after it
				if _, err := db.Reader().Logs(t.Context(), app.Query{Limit: 1}); err != nil {
					t.Fatal(err)
				}
			}
			if after := connections(); !slices.Equal(before, after) {
				t.Errorf("connections %v became %v", before, after)
			}
		})
	}
}

// Those of the last day are enough: it does not look into all days as well.
func TestTheNewestLogsAreReadOnce(t *testing.T) {
	proxy, through := newProxy(t, openLarge(t))
	db := open(t, through)
	const enough = 1 << 40
	proxy.toClient.Store(enough)
	newest, _, err := db.Reader().Newest(t.Context(), 1000)
	if read := enough - proxy.toClient.Load(); err != nil || len(newest) != app.RecentBytes/900_000 || read > 3*app.RecentBytes/2 {
		t.Errorf("%d logs, %v, out of %d bytes", len(newest), err, read)
	}
}

func TestWhatIsAroundALogIsNotTooLarge(t *testing.T) {
	db := open(t, openLarge(t))
	page, err := db.Reader().Logs(t.Context(), app.Query{Filter: app.Filter{Texts: []string{"060 large"}}, Limit: 1})
	if err != nil || len(page.Logs) != 1 {
		t.Fatal(len(page.Logs), err)
	}
	around, err := db.Reader().Context(t.Context(), app.ContextQuery{ID: page.Logs[0].ID, Before: 500, After: 500})
	if err != nil {
		t.Fatal(err)
	}
	numbers := func(logs []app.Log) (all []string) {
		for _, log := range logs {
			all = append(all, log.Message[:3])
		}
		return all
	}
	if got := strings.Join(numbers(around.Before), " "); got != "069 068 067 066 065 064 063 062 061" {
		t.Errorf("before: %s", got)
	}
	if got := strings.Join(numbers(around.After), " "); got != "059 058 057 056 055 054 053 052 051" {
		t.Errorf("after: %s", got)
	}
}
