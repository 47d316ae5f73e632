package postgres_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"millrace/app"
)

const insidePartitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'logs_inside'::regclass"

func TestOddTimesMakeNoPartitionOfTheirOwn(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	const year = 365 * 24 * time.Hour
	store(t, db, batch("k3v9", 1,
		logAt(0, "now"), logAt(24*time.Hour, "yesterday"), logAt(10*year, "ten years ago"), logAt(-10*year, "in ten years"), logAt(-72*time.Hour, "in three days")))
	page, err := db.Reader().Logs(t.Context(), app.Query{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := messages(page.Logs); !slices.Equal(got, []string{"in ten years", "in three days", "now", "yesterday", "ten years ago"}) {
		t.Errorf("got %q", got)
	}
	newest, _, err := db.Reader().Newest(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if got := messages(newest); !slices.Equal(got, []string{"now", "yesterday"}) {
		t.Errorf("newest %q", got)
	}
	if n := count(t, connect(t, at), insidePartitions); n != 2 {
		t.Errorf("%d partitions", n)
	}
}

func TestDaysAreMadeAheadAndOnceByWhoeverComesFirst(t *testing.T) {
	at := newURL(t)
	var wait sync.WaitGroup
	for range 4 {
		db := open(t, at)
		wait.Go(func() {
			if err := db.MaintainOnce(t.Context()); err != nil {
				t.Error(err)
			}
		})
		wait.Go(func() {
			for day := range 5 {
				_, err := db.Store().Store(t.Context(), batch("k3v9", uint64(day+1), logAt(time.Duration(day)*24*time.Hour, "x")))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	conn := connect(t, at)
	if n := count(t, conn, insidePartitions); n != 7 {
		t.Errorf("%d partitions: want four past days, today and two ahead", n)
	}
	if n := count(t, conn, "SELECT count(*) FROM logs"); n != 5 {
		t.Errorf("%d logs", n)
	}
}

func TestADayThatWasDroppedIsMadeAgain(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	store(t, db, batch("k3v9", 1, logAt(0, "gone")))
	conn := connect(t, at)
	exec(t, conn, "DROP TABLE "+now.Format("logs_2006_01_02"))
	if _, err := db.Store().Store(t.Context(), batch("k3v9", 2, logAt(0, "x"))); app.KindOf(err) != app.KindUnavailable {
		t.Errorf("the first to notice: %v", err)
	}
	store(t, db, batch("k3v9", 2, logAt(0, "x")))
}

func TestAWaitForTheParentTableIsBounded(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	exec(t, conn, "BEGIN")
	exec(t, conn, "LOCK TABLE logs_inside IN ACCESS EXCLUSIVE MODE")
	if _, err := db.Store().Store(t.Context(), batch("k3v9", 1, logAt(0, "x"))); app.KindOf(err) != app.KindUnavailable {
		t.Errorf("got %v", err)
	}
	exec(t, conn, "ROLLBACK")
	store(t, db, batch("k3v9", 1, logAt(0, "x")))
}
