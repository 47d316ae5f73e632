package postgres_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
)

// replaying keeps an item and asks for its replay.
func replaying(t *testing.T, db *postgres.DB, record app.PoisonRecord) (int64, app.Replay) {
	t.Helper()
	id := keep(t, db, record).ID
	if state, err := db.Quarantine().Replay(t.Context(), id); err != nil || state != app.Replaying {
		t.Fatalf("%s, %v", state, err)
	}
	replay, ok, err := db.Quarantine().Replaying(t.Context(), id)
	if err != nil || !ok {
		t.Fatalf("%+v, %t, %v", replay, ok, err)
	}
	replay.Count = record.Count
	return id, replay
}

// stored makes the batch that a replay becomes.
func replayed(replay app.Replay, messages ...app.Log) app.Batch {
	b := batch(replay.Shipper, replay.First, messages...)
	b.Topic, b.Partition, b.Offset = app.TopicLogs, 1, 5
	return b
}

func history(t *testing.T, db *postgres.DB, id int64) (item app.QuarantineDetail, what []string) {
	t.Helper()
	item, err := db.Quarantine().Item(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range item.History {
		what = append(what, event.What)
	}
	return item, what
}

func TestAReplayIsAskedForOnceAndStoredOnce(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	conn := connect(t, at)
	id := keep(t, db, poison("k3v9", 1, 2, 1)).ID
	var clicks sync.WaitGroup
	for range 10 {
		clicks.Go(func() {
			if state, err := db.Quarantine().Replay(t.Context(), id); err != nil || state != app.Replaying {
				t.Errorf("%s, %v", state, err)
			}
		})
	}
	clicks.Wait()
	if n := count(t, conn, "SELECT count(*) FROM watermill_replay"); n != 1 {
		t.Errorf("%d events ask for it", n)
	}
	if got := report(t, db, "k3v9"); got.Quarantined != 2 || got.Replayed != 0 {
		t.Errorf("%+v", got)
	}
	replay, ok, err := db.Quarantine().Replaying(t.Context(), id)
	if err != nil || !ok || replay.First != 1 || string(replay.Payload) != "payload" || !replay.SealedAt.Equal(now) || replay.OpenedAt.Before(now) {
		t.Fatalf("%+v, %t, %v", replay, ok, err)
	}
	// The record was sent twice, and comes from both partitions at once.
	for i := range 2 {
		clicks.Go(func() {
			b := replayed(replay, logs(2)...)
			b.Partition = int32(i)
			if _, err := db.Store().Store(t.Context(), b); err != nil {
				t.Error(err)
			}
		})
	}
	clicks.Wait()
	item, what := history(t, db, id)
	if item.State != app.Replayed || !slices.Equal(what, []string{"poisoned", "replaying", "replayed"}) || item.Replay != replay.ID() {
		t.Errorf("%+v, %v", item, what)
	}
	if n := count(t, conn, "SELECT count(*) FROM logs"); n != 2 {
		t.Errorf("%d logs are stored", n)
	}
	life, err := db.Ledger().Batch(t.Context(), replay.ID())
	if err != nil || life.State != app.BatchStored || life.Replays != id {
		t.Errorf("%+v, %v", life, err)
	}
	if got := report(t, db, "k3v9"); got.Replayed != 2 || got.Quarantined != 0 || got.Accepted != 2 {
		t.Errorf("%+v", got)
	}
	if got := report(t, db, replay.Shipper); got.Stored != 2 || got.Gaps.Logs != 0 || got.Pending != 0 || got.Duplicates != 1 {
		t.Errorf("%+v", got)
	}
	if v, found := verify(t, db, ""); !v.Whole {
		t.Errorf("%q", found)
	}
	// Whoever clicks again learns of it; nothing is sent.
	if state, err := db.Quarantine().Replay(t.Context(), id); err != nil || state != app.Replayed {
		t.Errorf("%s, %v", state, err)
	}
	if _, ok, err := db.Quarantine().Replaying(t.Context(), id); ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
	if _, err := db.Quarantine().Discard(t.Context(), id); app.KindOf(err) != app.KindConflict {
		t.Errorf("discarded: %v", err)
	}
}

func TestAReplayThatFailsAgainReturnsWithItsHistory(t *testing.T) {
	db := newDB(t)
	id, replay := replaying(t, db, poison("k3v9", 1, 2, 1))
	again := poison(replay.Shipper, replay.First, 2, 9)
	again.Failure = app.Failure{Stage: app.StageStore, Reason: app.ReasonPanic, Handler: "store", Error: "again"}
	if kept := keep(t, db, again); kept.ID != id || kept.Fresh {
		t.Errorf("%+v", kept)
	}
	if kept := keep(t, db, again); !kept.Duplicate {
		t.Errorf("%+v", kept)
	}
	item, what := history(t, db, id)
	if item.State != app.Held || item.Tries != 2 || item.Error != "again" || item.Shipper != "k3v9" || !slices.Equal(what, []string{"poisoned", "replaying", "poisoned"}) {
		t.Errorf("%+v, %v", item, what)
	}
	// Under the same name, so that of all its replays one is stored.
	if state, err := db.Quarantine().Replay(t.Context(), id); err != nil || state != app.Replaying {
		t.Errorf("%s, %v", state, err)
	}
	second, ok, err := db.Quarantine().Replaying(t.Context(), id)
	if err != nil || !ok || second.ID() != replay.ID() {
		t.Errorf("%s, then %s, %v", replay.ID(), second.ID(), err)
	}
	if err := db.Quarantine().Returned(t.Context(), id, app.Failure{Stage: app.StageReplay, Reason: app.ReasonTooLarge, Error: "too large\x00"}); err != nil {
		t.Fatal(err)
	}
	item, what = history(t, db, id)
	if item.State != app.Held || item.Tries != 3 || item.Stage != app.StageReplay || what[len(what)-1] != "returned" {
		t.Errorf("%+v, %v", item, what)
	}
	if err := db.Quarantine().Returned(t.Context(), id, app.Failure{Stage: app.StageReplay}); err != nil {
		t.Fatal(err)
	}
	if item, _ := history(t, db, id); item.Tries != 3 {
		t.Errorf("what is not on its way came back: %+v", item)
	}
	if v, found := verify(t, db, ""); !v.Whole {
		t.Errorf("%q", found)
	}
}

// An item whose replay is stored is replayed, whatever was done to it meanwhile.
func TestWhatIsStoredCountsAsReplayed(t *testing.T) {
	db := newDB(t)
	id, replay := replaying(t, db, poison("k3v9", 1, 2, 1))
	// It was sent twice; one of them came to grief, and somebody gave up.
	keep(t, db, poison(replay.Shipper, replay.First, 2, 9))
	if state, err := db.Quarantine().Discard(t.Context(), id); err != nil || state != app.Discarded {
		t.Fatal(state, err)
	}
	store(t, db, replayed(replay, logs(2)...))
	if item, _ := history(t, db, id); item.State != app.Replayed {
		t.Errorf("it is %s", item.State)
	}
	if got := report(t, db, "k3v9"); got.Replayed != 2 || got.Discarded != 0 || got.Accepted != 2 {
		t.Errorf("%+v", got)
	}
	// Its first record comes once more: it is replayed all the same.
	keep(t, db, poison("k3v9", 1, 2, 77))
	if item, _ := history(t, db, id); item.State != app.Replayed {
		t.Errorf("it is %s", item.State)
	}
}

func TestWhatCannotBeReplayedOrDiscardedSaysWhy(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	garbage := poison("k3v9", 1, 2, 1)
	garbage.Readable = false
	unreadable := keep(t, db, garbage).ID
	gone := keep(t, db, poison("k3v9", 3, 2, 2)).ID
	underway, _ := replaying(t, db, poison("k3v9", 5, 2, 3))
	for range 2 {
		if state, err := db.Quarantine().Discard(t.Context(), gone); err != nil || state != app.Discarded {
			t.Fatal(state, err)
		}
	}
	for name, c := range map[string]struct {
		id   int64
		do   func(id int64) (string, error)
		kind app.Kind
	}{
		"bytes that are no batch":        {unreadable, func(id int64) (string, error) { return db.Quarantine().Replay(t.Context(), id) }, app.KindConflict},
		"what was thrown away":           {gone, func(id int64) (string, error) { return db.Quarantine().Replay(t.Context(), id) }, app.KindConflict},
		"what is not there":              {999, func(id int64) (string, error) { return db.Quarantine().Replay(t.Context(), id) }, app.KindNotFound},
		"throwing away what is replayed": {underway, func(id int64) (string, error) { return db.Quarantine().Discard(t.Context(), id) }, app.KindConflict},
		"throwing away what is not":      {999, func(id int64) (string, error) { return db.Quarantine().Discard(t.Context(), id) }, app.KindNotFound},
	} {
		if state, err := c.do(c.id); app.KindOf(err) != c.kind {
			t.Errorf("%s: %s, %v", name, state, err)
		}
	}
	if _, err := db.Quarantine().Item(t.Context(), 999); app.KindOf(err) != app.KindNotFound {
		t.Errorf("got %v", err)
	}
	// A replay of which nothing is heard may be asked for again, after a while.
	conn := connect(t, at)
	exec(t, conn, "UPDATE quarantine SET changed_at = changed_at - interval '2 minutes'")
	if state, err := db.Quarantine().Replay(t.Context(), underway); err != nil || state != app.Replaying {
		t.Errorf("%s, %v", state, err)
	}
	if n := count(t, conn, "SELECT count(*) FROM watermill_replay"); n != 2 {
		t.Errorf("%d events", n)
	}
}

// A log of a replay that is refused alone is an item of its own.
func TestAReplayOfWhichALogIsRefusedIsReplayed(t *testing.T) {
	db, _ := forbidding(t)
	id, replay := replaying(t, db, poison("k3v9", 1, 3, 1))
	if receipt, err := db.Store().Store(t.Context(), replayed(replay, mixed(3, 1)...)); err != nil || receipt.Apart != 1 {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if item, _ := history(t, db, id); item.State != app.Replayed {
		t.Errorf("it is %s", item.State)
	}
	if got := report(t, db, replay.Shipper); got.Stored != 2 || got.Quarantined != 1 || got.Accepted != 3 {
		t.Errorf("%+v", got)
	}
	if v, found := verify(t, db, ""); !v.Whole {
		t.Errorf("%q", found)
	}
}

func TestItemsArePagedAndFiltered(t *testing.T) {
	db := newDB(t)
	var ids []int64
	for i := range 5 {
		record := poison([]string{"odd", "even"}[i%2], uint64(i+1), 1, int64(i))
		if i == 3 {
			record.Failure.Stage, record.Failure.Reason = app.StageShip, app.ReasonTooLarge
		}
		ids = append(ids, keep(t, db, record).ID)
	}
	if _, err := db.Quarantine().Discard(t.Context(), ids[0]); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter app.QuarantineFilter
		want   []int
	}{
		"all":       {app.QuarantineFilter{}, []int{4, 3, 2, 1, 0}},
		"state":     {app.QuarantineFilter{State: app.Held}, []int{4, 3, 2, 1}},
		"stage":     {app.QuarantineFilter{Stage: app.StageShip}, []int{3}},
		"reason":    {app.QuarantineFilter{Reason: app.ReasonInvalid}, []int{4, 2, 1, 0}},
		"shipper":   {app.QuarantineFilter{Shipper: "even"}, []int{3, 1}},
		"from":      {app.QuarantineFilter{From: now.Add(3 * time.Second)}, []int{4, 3}},
		"to":        {app.QuarantineFilter{To: now.Add(3 * time.Second)}, []int{2, 1, 0}},
		"nobody's":  {app.QuarantineFilter{Shipper: "\x00"}, nil},
		"all of it": {app.QuarantineFilter{State: app.Held, Shipper: "odd", From: now, To: now.Add(3 * time.Second)}, []int{2}},
	} {
		var got []int
		query := app.QuarantineQuery{QuarantineFilter: c.filter, Limit: 2}
		for {
			page, err := db.Quarantine().Items(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range page.Items {
				got = append(got, slices.Index(ids, item.ID))
			}
			if query.After = page.Next; page.Next == 0 {
				break
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	counts, err := db.Quarantine().QuarantineCounts(t.Context())
	slices.SortFunc(counts, func(a, b app.QuarantineCount) int { return int(a.Items - b.Items) })
	if err != nil || fmt.Sprint(counts[2]) != "{held invalid 3}" || len(counts) != 3 {
		t.Errorf("%v, %v", counts, err)
	}
	page, err := db.Quarantine().Items(t.Context(), app.QuarantineQuery{Limit: 10})
	if item := page.Items[4]; err != nil || item.Count != 1 || item.First != 1 || item.Bytes != len("payload") || item.Lay.Offset != 40 || item.Lay.Partition != 2 || item.Handler != "store" {
		t.Errorf("%+v, %v", page.Items[4], err)
	}
}

// A log that was quarantined alone comes back to its own item, too.
func TestAReplayOfALogThatWasRefusedAloneReturns(t *testing.T) {
	db, _ := forbidding(t)
	store(t, db, batch("k3v9", 1, mixed(3, 1)...))
	page, err := db.Quarantine().Items(t.Context(), app.QuarantineQuery{Limit: 2})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	id := page.Items[0].ID
	if _, err := db.Quarantine().Replay(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	replay, ok, err := db.Quarantine().Replaying(t.Context(), id)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	again := poison(replay.Shipper, replay.First, 1, 9)
	again.Payload = replay.Payload
	if kept := keep(t, db, again); kept.ID != id || kept.Fresh {
		t.Errorf("%+v", kept)
	}
	if item, _ := history(t, db, id); item.State != app.Held || item.Tries != 2 {
		t.Errorf("%+v", item)
	}
	if v, found := verify(t, db, ""); !v.Whole {
		t.Errorf("%q", found)
	}
}
