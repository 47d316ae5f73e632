package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
	"millrace/app/postgres/storetest"
)

func TestIsALogCounter(t *testing.T) {
	db := newDB(t)
	storetest.TestLogCounter(t, db.Store(), db.Reader(), db.Counter())
}

func TestOneLogAndWhatWasAroundIt(t *testing.T) {
	db := newDB(t)
	logs := make([]app.Log, 30)
	for i := range logs {
		logs[i] = logAt(time.Duration(30-i/2)*time.Second, fmt.Sprint("message ", i))
		logs[i].Host = []string{"web-1", "web-2"}[i%2]
	}
	store(t, db, batch("k3v9", 1, logs...))
	page, err := db.Reader().Logs(t.Context(), app.Query{Filter: app.Filter{Texts: []string{"message 10"}}, Limit: 1})
	if err != nil || len(page.Logs) != 1 {
		t.Fatal(page, err)
	}
	id := page.Logs[0].ID
	if log, err := db.Reader().Log(t.Context(), id); err != nil || log.Message != "message 10" {
		t.Errorf("got %+v, %v", log, err)
	}
	around, err := db.Reader().Context(t.Context(), app.ContextQuery{ID: id, Before: 2, After: 100})
	if err != nil {
		t.Fatal(err)
	}
	if got := messages(around.Before); !slices.Equal(got, []string{"message 6", "message 8"}) {
		t.Errorf("before: %q", got)
	}
	if got := messages(around.After); len(got) != 9 || got[0] != "message 12" || got[8] != "message 28" {
		t.Errorf("after: %q", got)
	}
	if found, err := db.Reader().Find(t.Context(), app.LiveID{Batch: "k3v9-1", Place: id.Place()}); err != nil || found != id {
		t.Errorf("by the batch: %s, %v", found, err)
	}
	for _, live := range []app.LiveID{{Batch: "k3v9-2"}, {Batch: "k3v9"}, {Batch: "\x00-1"}} {
		if _, err := db.Reader().Find(t.Context(), live); app.KindOf(err) != app.KindNotFound {
			t.Errorf("%q: %v", live, err)
		}
	}
	for _, id := range []app.LogID{app.NewLogID(1, 30), app.NewLogID(99, 0)} {
		if _, err := db.Reader().Log(t.Context(), id); app.KindOf(err) != app.KindNotFound {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := db.Reader().Context(t.Context(), app.ContextQuery{ID: id}); app.KindOf(err) != app.KindNotFound {
			t.Errorf("around %s: %v", id, err)
		}
	}
}

func TestHowFarEachPartitionIsStored(t *testing.T) {
	db := newDB(t)
	for i, at := range []struct{ partition, offset int }{{0, 7}, {0, 8}, {3, 2}, {0, 40}} {
		b := batch("k3v9", uint64(1+i), logAt(0, "x"))
		b.Topic, b.Partition, b.Offset = app.TopicLogs, int32(at.partition), int64(at.offset)
		store(t, db, b)
	}
	elsewhere := batch("other", 1, logAt(0, "x"))
	elsewhere.Topic, elsewhere.Offset = "elsewhere", 20
	store(t, db, elsewhere)
	// What lies behind a partition's end is of a topic that was there before.
	stored, err := db.Reader().StoredUpTo(t.Context(), app.Positions{0: 30, 1: 5, 3: 3})
	if want := (app.Positions{0: 9, 3: 3}); err != nil || !maps.Equal(stored, want) {
		t.Errorf("got %v, %v: want %v", stored, err, want)
	}
}

func TestAWalkEndsWhereItIsTold(t *testing.T) {
	db := newDB(t)
	logs := make([]app.Log, 5000)
	for i := range logs {
		logs[i] = logAt(time.Duration(i)*time.Millisecond, fmt.Sprint("message ", i))
	}
	store(t, db, batch("k3v9", 1, logs...))
	walk := func(query app.Query, stop int) (n int, err error) {
		err = db.Reader().Walk(t.Context(), query, func(*app.Log) error {
			if n++; n == stop {
				return errors.New("enough of this")
			}
			return nil
		})
		return n, err
	}
	if n, err := walk(app.Query{}, 0); n != 5000 || err != nil {
		t.Errorf("all: %d, %v", n, err)
	}
	if n, err := walk(app.Query{Limit: 2500}, 0); n != 2500 || err != nil {
		t.Errorf("half: %d, %v", n, err)
	}
	if n, err := walk(app.Query{}, 3); n != 3 || err == nil || err.Error() != "enough of this" {
		t.Errorf("three: %d, %v", n, err)
	}
	if n, err := walk(app.Query{Filter: app.Filter{Patterns: []string{"7$"}}}, 0); n != 500 || err != nil {
		t.Errorf("a tenth: %d, %v", n, err)
	}
}

// A query that nobody waits for any more ends in PostgreSQL, too.
func TestAQueryWhoseCallerLeftIsCancelled(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	store(t, db, batch("k3v9", 1, logAt(0, "x")))
	conn, watcher := connect(t, at), connect(t, at)
	running := func() int {
		return count(t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state = 'active'")
	}
	eventually(t, func() bool { return running() == 0 })
	for name, ask := range map[string]func(context.Context) error{
		"a page": func(ctx context.Context) error {
			_, err := db.Reader().Logs(ctx, app.Query{Limit: 1})
			return err
		},
		"a histogram": func(ctx context.Context) error {
			_, err := db.Counter().Histogram(ctx, app.HistogramQuery{
				Filter: app.Filter{From: now.Add(-time.Hour), To: now, Hosts: []string{"web-1"}}, Step: time.Minute,
			})
			return err
		},
		"a walk": func(ctx context.Context) error {
			return db.Reader().Walk(ctx, app.Query{}, func(*app.Log) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			exec(t, conn, "BEGIN")
			exec(t, conn, "LOCK TABLE logs IN ACCESS EXCLUSIVE MODE")
			ctx, leave := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- ask(ctx) }()
			eventually(t, func() bool { return running() == 1 })
			leave()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("it ends with %v", err)
			}
			// The lock is still held: nothing but the cancellation can have ended it.
			eventually(t, func() bool { return running() == 0 })
			exec(t, conn, "ROLLBACK")
		})
	}
}

// Of a rare word's runs, and of few others, rows are read; all else is passed by.
func TestASearchReadsOnlyRunsThatMayHaveIt(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	const batches = 40
	for n := range batches {
		logs := make([]app.Log, 200)
		for i := range logs {
			logs[i] = logAt(time.Duration(batches-n)*time.Minute+time.Duration(i)*time.Millisecond, fmt.Sprintf("request %d answered by worker %d", n*1000+i, i%7))
			logs[i].Attributes = fmt.Appendf(nil, `{"user":{"id":%d}}`, n*1000+i)
			logs[i].TraceID = fmt.Sprintf("%032x", n*1000+i)
		}
		if n == 17 {
			logs[100].Message = "the Zyzzyva was seen"
		}
		store(t, db, batch("k3v9", uint64(1+n*200), logs...))
	}
	for name, f := range map[string]app.Filter{
		"a text":       {Texts: []string{"zyzzyva"}},
		"a pattern":    {Patterns: []string{`the Zyz+yva \w+`}},
		"an attribute": {Attributes: []app.AttributeFilter{{Name: "user.id", Values: []string{"17100"}}}},
		"a trace":      {TraceIDs: []string{fmt.Sprintf("%032x", 17100)}},
		"both":         {Texts: []string{"zyzzyva"}, TraceIDs: []string{fmt.Sprintf("%032x", 17100)}},
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := postgres.Candidates(t.Context(), db, f); err != nil || n < 1 || n > 3 {
				t.Errorf("%d of %d runs may have it, %v", n, batches, err)
			}
			for _, oldest := range []bool{false, true} {
				page, err := db.Reader().Logs(t.Context(), app.Query{Filter: f, Limit: 10, OldestFirst: oldest})
				if err != nil || len(page.Logs) != 1 || page.Logs[0].TraceID != fmt.Sprintf("%032x", 17100) {
					t.Errorf("found %d, %v", len(page.Logs), err)
				}
			}
		})
	}
	if n, err := postgres.Candidates(t.Context(), db, app.Filter{Texts: []string{"worker 3"}}); err != nil || n != batches {
		t.Errorf("a common text: %d runs, %v", n, err)
	}
}

// The index that finds a run's rows is used, and only the run's day is read.
func TestARunIsFoundByAnIndex(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	for n := range 30 {
		logs := make([]app.Log, 1000)
		for i := range logs {
			logs[i] = logAt(time.Duration(n%3)*24*time.Hour+time.Duration(n*1000+i)*time.Millisecond, strings.Repeat("x", 100))
		}
		store(t, db, batch("k3v9", uint64(1+n*1000), logs...))
	}
	conn := connect(t, at)
	exec(t, conn, "ANALYZE logs")
	// A run of much time is found by ids: many batches may have rows in it.
	for span, index := range map[time.Duration]string{time.Minute: "_time_id_idx", 2 * time.Hour: "Bitmap Index Scan"} {
		statement, args := postgres.RunStatement(app.Query{Filter: app.Filter{Texts: []string{"y"}}}, 3<<24, 3<<24|999, now.Add(-span), now)
		plan := explainStatement(t, conn, statement, args)
		if !strings.Contains(plan, index) || strings.Contains(plan, "Seq Scan on logs_2") {
			t.Errorf("a run of %s is read without %s:\n%s", span, index, plan)
		}
	}
}

// A batch with a log of long ago is searched as any other.
func TestARunOfMuchTimeIsSearched(t *testing.T) {
	db := open(t, newURL(t))
	store(t, db, batch("k3v9", 1, logAt(26*time.Hour, "an aardvark"), logAt(0, "nothing"), logAt(time.Second, "an aardvark")))
	store(t, db, batch("k3v9", 4, logAt(2*time.Second, "an aardvark, too")))
	for _, oldest := range []bool{false, true} {
		page, err := db.Reader().Logs(t.Context(), app.Query{Filter: app.Filter{Texts: []string{"Aardvark"}}, Limit: 10, OldestFirst: oldest})
		if err != nil || len(page.Logs) != 3 {
			t.Errorf("found %d, %v", len(page.Logs), err)
		}
	}
}
