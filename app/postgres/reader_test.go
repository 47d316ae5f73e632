package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
	"millrace/app/postgres"
)

// fill stores n logs, several of them at each moment, and returns their
// messages oldest first.
func fill(t testing.TB, db *postgres.DB, n int) (oldestFirst []string) {
	t.Helper()
	logs := make([]app.Log, n)
	for i := range logs {
		logs[i] = logAt(time.Duration(n-i/3)*time.Second, fmt.Sprintf("message %03d", i))
		logs[i].Service = []string{"checkout", "payments"}[i%2]
		logs[i].Level = app.Level(i%6 + 1)
		oldestFirst = append(oldestFirst, logs[i].Message)
	}
	store(t, db, batch("k3v9", 1, logs...))
	return oldestFirst
}

func TestPagesShowEachLogOnceInBothDirections(t *testing.T) {
	db := newDB(t)
	want := fill(t, db, 50)
	for _, oldestFirst := range []bool{false, true} {
		if !oldestFirst {
			slices.Reverse(want)
		}
		query := app.Query{Limit: 7, OldestFirst: oldestFirst}
		var pages [][]string
		for {
			page, err := db.Reader().Logs(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, messages(page.Logs))
			if (page.Prev == nil) != (len(pages) == 1) {
				t.Errorf("page %d: prev is %v", len(pages), page.Prev)
			}
			// What arrives meanwhile moves nothing.
			if len(pages) == 1 && !oldestFirst {
				store(t, db, batch("k3v9", 1000, logAt(-time.Hour, "newer")))
			}
			if page.Next == nil {
				break
			}
			query.At = page.Next
		}
		if got := slices.Concat(pages...); !slices.Equal(got, want) && !slices.Equal(got, append(slices.Clone(want), "newer")) {
			t.Errorf("oldest first %v: got %q", oldestFirst, got)
		}
		// And back again.
		for i := len(pages) - 2; i >= 0; i-- {
			page, err := db.Reader().Logs(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			query.At = page.Prev
			if page, err = db.Reader().Logs(t.Context(), query); err != nil || !slices.Equal(messages(page.Logs), pages[i]) {
				t.Fatalf("page %d on the way back: %q, error %v; want %q", i, messages(page.Logs), err, pages[i])
			}
		}
		slices.Sort(want)
	}
}

func TestFilters(t *testing.T) {
	db := newDB(t)
	fill(t, db, 60)
	special := logAt(0, `100% of_the "time" \o/`)
	special.Service, special.Host = "odd", "db-1"
	store(t, db, batch("k3v9", 61, special))
	for name, c := range map[string]struct {
		filter app.Filter
		want   int
	}{
		"everything":            {app.Filter{}, 61},
		"a service":             {app.Filter{Services: []string{"checkout"}}, 30},
		"two services":          {app.Filter{Services: []string{"checkout", "odd"}}, 31},
		"a host":                {app.Filter{Hosts: []string{"db-1"}}, 1},
		"levels":                {app.Filter{Levels: []app.Level{app.LevelWarn, app.LevelError}}, 20},
		"a service and a level": {app.Filter{Services: []string{"payments"}, Levels: []app.Level{app.LevelDebug}}, 10},
		"text, any case":        {app.Filter{Text: "MESSAGE 01"}, 10},
		"percent is no wild":    {app.Filter{Text: "100% of"}, 1},
		"underscore is no wild": {app.Filter{Text: "f_t"}, 1},
		"backslash":             {app.Filter{Text: `\O/`}, 1},
		"text nobody wrote":     {app.Filter{Text: "%e%"}, 0},
		"text nobody can store": {app.Filter{Text: "a\x00"}, 0},
		"from":                  {app.Filter{From: now.Add(-41 * time.Second)}, 4},
		"to":                    {app.Filter{To: now.Add(-59 * time.Second)}, 3},
		"a range":               {app.Filter{From: now.Add(-50 * time.Second), To: now.Add(-48 * time.Second)}, 6},
		"another service":       {app.Filter{Services: []string{"nobody's\x00"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := db.Reader().Logs(t.Context(), app.Query{Filter: c.filter, Limit: 100})
			if err != nil || len(page.Logs) != c.want {
				t.Errorf("%d logs, error %v; want %d", len(page.Logs), err, c.want)
			}
		})
	}
}

func TestPagingUsesItsIndexesAndOnlyTheDaysItNeeds(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	for day := range 5 {
		logs := make([]app.Log, 400)
		for i := range logs {
			logs[i] = logAt(time.Duration(day)*24*time.Hour+time.Duration(i)*time.Second, "x")
			logs[i].Service = fmt.Sprint("service-", i%40)
		}
		store(t, db, batch("k3v9", 1+day*400, logs...))
	}
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "ANALYZE logs"); err != nil {
		t.Fatal(err)
	}
	plan := func(query app.Query) string {
		statement, args := postgres.PageStatement(query)
		rows, err := conn.Query(t.Context(), "EXPLAIN "+statement, args...)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	newest := plan(app.Query{Limit: 10, At: &app.Cursor{Time: now, ID: app.NewLogID(1, 0)}})
	if !strings.Contains(newest, "time_id_idx") || strings.Contains(newest, "->  Sort") {
		t.Errorf("paging does not follow the index:\n%s", newest)
	}
	service := plan(app.Query{Limit: 10, Filter: app.Filter{Services: []string{"service-7"}, From: now.Add(-30 * time.Hour), To: now.Add(-20 * time.Hour)}})
	if !strings.Contains(service, "service_time_id_idx") {
		t.Errorf("a service does not use its index:\n%s", service)
	}
	if days := strings.Count(service, "logs_20"); days == 0 || strings.Contains(service, now.Add(-96*time.Hour).Format("logs_2006_01_02")) {
		t.Errorf("days outside the range are read:\n%s", service)
	}
}

func TestNewestComesWithTheSnapshotItWasReadIn(t *testing.T) {
	db := newDB(t)
	_, empty, err := db.Reader().Newest(t.Context(), 5)
	if err != nil || empty == "" {
		t.Fatal(empty, err)
	}
	fill(t, db, 10)
	logs, snapshot, err := db.Reader().Newest(t.Context(), 2)
	if err != nil || !slices.Equal(messages(logs), []string{"message 009", "message 008"}) {
		t.Errorf("got %q, %v", messages(logs), err)
	}
	if !snapshot.Includes(empty) || empty.Includes(snapshot) {
		t.Errorf("snapshot %s came after %s", snapshot, empty)
	}
}

func TestTheFeedNeverCallsAnOldCopyFresh(t *testing.T) {
	db := newDB(t)
	feed := db.Feed()
	if feed.Covers("1000000:1000000:") {
		t.Error("it knows before it listens")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	newest := func() app.Snapshot {
		_, snapshot, err := db.Reader().Newest(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return snapshot
	}
	eventually(t, func() bool { return feed.Covers(newest()) })
	for i := range 20 {
		before := newest()
		store(t, db, batch("k3v9", i+1, logAt(0, "x")))
		eventually(t, func() bool { return !feed.Covers(before) })
		after := newest()
		eventually(t, func() bool { return feed.Covers(after) })
		if feed.Covers(before) {
			t.Fatal("an older copy is fresh again")
		}
	}
}
