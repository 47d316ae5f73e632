package postgres_test

import (
	"context"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
)

// run runs a feed until the test ends.
func runFeed(t *testing.T, db *postgres.DB) *postgres.Feed {
	t.Helper()
	feed := db.Feed()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if feed.Covers("1000000000:1000000000:") {
			t.Error("it knows after it has ended")
		}
	})
	return feed
}

func newestSnapshot(t testing.TB, db *postgres.DB) app.Snapshot {
	t.Helper()
	_, snapshot, err := db.Reader().Newest(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestTheFeedNeverCallsAnOldCopyFresh(t *testing.T) {
	db := newDB(t)
	if db.Feed().Covers("1000000000:1000000000:") {
		t.Error("it knows before it listens")
	}
	feed := runFeed(t, db)
	eventually(t, func() bool { return feed.Covers(newestSnapshot(t, db)) })
	var worst time.Duration
	for i := range 50 {
		before := newestSnapshot(t, db)
		store(t, db, batch("k3v9", uint64(i+1), logAt(0, "x")))
		stored := time.Now()
		eventually(t, func() bool { return !feed.Covers(before) })
		worst = max(worst, time.Since(stored))
		after := newestSnapshot(t, db)
		eventually(t, func() bool { return feed.Covers(after) })
		if feed.Covers(before) {
			t.Fatal("an older copy is fresh again")
		}
	}
	t.Logf("a stored batch is heard of within %s", worst)
}

// A feed asks in the silence whether the server is there, so that a quiet store is
// no reason to read it for every request.
func TestTheFeedKnowsInTheSilence(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	feed := runFeed(t, db)
	var newest app.Snapshot
	eventually(t, func() bool { newest = newestSnapshot(t, db); return feed.Covers(newest) })
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for quiet := time.Now(); time.Since(quiet) < 4*time.Second; <-tick.C {
		if !feed.Covers(newest) {
			t.Fatalf("after %s of silence it does not know any more", time.Since(quiet))
		}
	}
}

func TestTheFeedIsNoWiserThanItsConnection(t *testing.T) {
	direct := newURL(t)
	proxy, through := newProxy(t, direct)
	writer, gateway := open(t, direct), open(t, through)
	feed := runFeed(t, gateway)
	for i := range 3 {
		var before app.Snapshot
		eventually(t, func() bool { before = newestSnapshot(t, writer); return feed.Covers(before) })
		proxy.refuses.Store(true)
		proxy.cut()
		eventually(t, func() bool { return !feed.Covers(before) })
		// Nobody hears of this one.
		store(t, writer, batch("k3v9", uint64(i+1), logAt(0, "x")))
		proxy.heal()
		var after app.Snapshot
		eventually(t, func() bool { after = newestSnapshot(t, writer); return feed.Covers(after) })
		if feed.Covers(before) {
			t.Fatal("a copy from before the gap is fresh again")
		}
	}
}

func TestASilentNetworkIsNoticed(t *testing.T) {
	direct := newURL(t)
	proxy, through := newProxy(t, direct)
	writer, gateway := open(t, direct), open(t, through)
	feed := runFeed(t, gateway)
	var before app.Snapshot
	eventually(t, func() bool { before = newestSnapshot(t, writer); return feed.Covers(before) })
	resume := proxy.swallow()
	defer resume()
	store(t, writer, batch("k3v9", 1, logAt(0, "x")))
	silent := time.Now()
	eventually(t, func() bool { return !feed.Covers(before) })
	if lasted := time.Since(silent); lasted > 4*time.Second {
		t.Errorf("it took %s", lasted)
	}
}
