package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
)

const aDay = 24 * time.Hour

// openFor opens a database that keeps logs for some time, or up to some size.
func openFor(t *testing.T, at string, retention time.Duration, size int64) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: at, Retention: retention, RetentionBytes: size, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// everything returns the messages of a text search and of a listing, which must
// be the same, and what the counts say.
func everything(t *testing.T, db *postgres.DB) (found []string, counted int64) {
	t.Helper()
	listed, err := db.Reader().Logs(t.Context(), app.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	searched, err := db.Reader().Logs(t.Context(), app.Query{Limit: 100, Filter: app.Filter{Texts: []string{"message"}}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(messages(listed.Logs), messages(searched.Logs)) {
		t.Errorf("listed %q, searched %q", messages(listed.Logs), messages(searched.Logs))
	}
	begin := now.Add(-400 * aDay).Truncate(aDay)
	figures, err := db.Counter().Histogram(t.Context(), app.HistogramQuery{Filter: app.Filter{From: begin, To: begin.Add(500 * aDay)}, Step: aDay})
	if err != nil {
		t.Fatal(err)
	}
	return messages(listed.Logs), figures.Total
}

func TestDaysAreDroppedByAge(t *testing.T) {
	at := newURL(t)
	long := openFor(t, at, 30*aDay, 0)
	store(t, long, batch("k3v9", 1, logAt(0, "message of today"), logAt(3*aDay, "message of three days ago"), logAt(100*aDay, "message of old")))
	short := openFor(t, at, 2*aDay, 0)
	if err := short.MaintainOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"message of today", "message of old"} // which was kept aside
	if found, counted := everything(t, short); !slices.Equal(found, want) || counted != 2 {
		t.Errorf("left %q, counted %d", found, counted)
	}
	// A process that does not know yet is told, and its batch then is stored.
	late := batch("k3v9", 4, logAt(3*aDay, "message that is late"))
	if _, err := long.Store().Store(t.Context(), late); app.KindOf(err) != app.KindUnavailable {
		// The day's partition may be known as made: then the row finds none.
		t.Errorf("the first try: %v", err)
	}
	if _, err := long.Store().Store(t.Context(), late); err != nil {
		if _, err := long.Store().Store(t.Context(), late); err != nil {
			t.Errorf("once more: %v", err)
		}
	}
	if found, counted := everything(t, short); len(found) != 3 || counted != 3 {
		t.Errorf("left %q, counted %d", found, counted)
	}
	verification, err := short.Ledger().Verify(t.Context(), app.LedgerQuery{}, app.VerifyReport{
		Finding: func(app.Finding) error { return nil }, Progress: func(app.VerifyProgress) error { return nil },
	})
	if err != nil || !verification.Whole {
		t.Errorf("the ledger says %+v, %v", verification, err)
	}
}

func TestDaysAreDroppedBySize(t *testing.T) {
	at := newURL(t)
	db := openFor(t, at, 30*aDay, 1) // one byte: everything is too much
	store(t, db, batch("k3v9", 1, logAt(0, "message of today"), logAt(aDay, "message of yesterday"), logAt(5*aDay, "message of the past")))
	if err := db.MaintainOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found, counted := everything(t, db); !slices.Equal(found, []string{"message of today"}) || counted != 1 {
		t.Errorf("left %q, counted %d", found, counted)
	}
}

func TestMinutesArePackedOnceTheyAreOld(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	for n := range 5 {
		present := logAt(0, "message")
		present.Time = time.Now() // the other is of when the tests began, which may be long ago
		store(t, db, batch("k3v9", uint64(1+n), logAt(time.Hour, "message"), present))
		if n == 2 { // what comes late is packed, too
			if err := db.MaintainOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	conn := connect(t, at)
	if n := count(t, conn, "SELECT count(*) FROM log_counts WHERE minute < now() - interval '50 minutes'"); n != 3 {
		t.Errorf("%d counts of an old minute before", n)
	}
	if err := db.MaintainOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, conn, "SELECT count(*) FROM log_counts WHERE minute < now() - interval '50 minutes'"); n != 1 {
		t.Errorf("%d counts of an old minute after", n)
	}
	if n := count(t, conn, "SELECT count(*) FROM log_counts WHERE minute > now() - interval '50 minutes'"); n != 5 {
		t.Errorf("%d counts of the present minute", n)
	}
	if found, counted := everything(t, db); len(found) != 10 || counted != 10 {
		t.Errorf("%d logs, %d counted", len(found), counted)
	}
}

// Searches need no more than the right to read.
func TestSearchesOnlyRead(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	store(t, db, batch("k3v9", 1, logAt(0, "message")))
	conn := connect(t, at)
	exec(t, conn, "CREATE ROLE looker LOGIN PASSWORD 'looker'")
	defer func() { exec(t, conn, "DROP OWNED BY looker"); exec(t, conn, "DROP ROLE looker") }()
	exec(t, conn, "GRANT SELECT ON "+strings.Join(postgres.SearchedTables, ", ")+" TO looker")
	searched, err := postgres.OpenReader(t.Context(), postgres.Config{URL: withUser(t, at, "looker", "looker")})
	if err != nil {
		t.Fatal(err)
	}
	defer searched.Close()
	if found, counted := everything(t, searched); len(found) != 1 || counted != 1 {
		t.Errorf("%q, %d", found, counted)
	}
	byFields := app.Filter{Texts: []string{"message"}, Hosts: []string{"nowhere"}}
	if page, err := searched.Reader().Logs(t.Context(), app.Query{Limit: 1, Filter: byFields}); err != nil || len(page.Logs) != 0 {
		t.Errorf("%v, %v", page.Logs, err)
	}
	if got := searched.Setting(t, "transaction_read_only"); got != "on" {
		t.Errorf("it may write: %s", got)
	}
	if !db.Searched(searched).CaughtUp(t.Context(), 0) {
		t.Error("the same server is behind itself")
	}
	if _, err := searched.Store().Store(t.Context(), batch("k3v9", 2, logAt(0, "x"))); err == nil {
		t.Error("it writes")
	}
}
