package app_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace/app"
)

// shelf is a store of items that are all held.
type shelf struct {
	app.QuarantineStore
	asked app.QuarantineQuery
	page  app.QuarantinePage
	item  app.QuarantineDetail
	tried []int64
	fail  map[int64]error
}

func (s *shelf) Items(_ context.Context, query app.QuarantineQuery) (app.QuarantinePage, error) {
	s.asked = query
	return s.page, nil
}

func (s *shelf) Item(context.Context, int64) (app.QuarantineDetail, error) { return s.item, nil }

func (s *shelf) Replay(_ context.Context, id int64) (string, error) {
	s.tried = append(s.tried, id)
	return app.Replaying, s.fail[id]
}

// byteCodec takes each byte for a log, as countBytes does.
type byteCodec struct{ app.BatchCodec }

func (byteCodec) Count(payload []byte) (int, error) { return countBytes(payload) }

func (byteCodec) Logs(payload []byte, received time.Time) app.LogSeq {
	return func(yield func(*app.Log, error) bool) {
		for _, b := range payload {
			if !yield(&app.Log{Time: received, Message: strings.Repeat(string(b), 100_000)}, nil) {
				return
			}
		}
	}
}

func TestItemsAreReplayedOneByOne(t *testing.T) {
	store := &shelf{fail: map[int64]error{4: app.Errorf(app.KindConflict, "it was discarded"), 6: app.Errorf(app.KindNotFound, "not there")}}
	quarantine := app.NewQuarantine(store, byteCodec{})
	done, err := quarantine.Replay(t.Context(), app.QuarantineSelection{IDs: []int64{6, 5, 4, 5}})
	if err != nil || !slices.Equal(store.tried, []int64{4, 5, 6}) || done.More || len(done.Results) != 3 {
		t.Fatalf("%+v, %v, tried %v", done, err, store.tried)
	}
	if r := done.Results; r[0].Detail != "it was discarded" || r[1].State != app.Replaying || r[1].Detail != "" || r[2].Detail != "not there" {
		t.Errorf("%+v", r)
	}
	store.fail[5] = app.Errorf(app.KindUnavailable, "away")
	if done, err := quarantine.Replay(t.Context(), app.QuarantineSelection{IDs: []int64{4, 5, 6}}); !errors.Is(err, store.fail[5]) || len(done.Results) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	store.tried, store.page = nil, app.QuarantinePage{Items: []app.QuarantineItem{{ID: 9}, {ID: 8}}, Next: 8}
	done, err = quarantine.Replay(t.Context(), app.QuarantineSelection{Filter: app.QuarantineFilter{State: app.Replayed, Reason: app.ReasonPanic}, Limit: 2})
	if err != nil || !done.More || !slices.Equal(store.tried, []int64{9, 8}) || store.asked.State != app.Held || store.asked.Reason != app.ReasonPanic || store.asked.Limit != 2 {
		t.Errorf("%+v, %v, asked for %+v", done, err, store.asked)
	}
}

func TestAnItemShowsTheFirstOfItsLogs(t *testing.T) {
	store := &shelf{}
	quarantine := app.NewQuarantine(store, byteCodec{})
	for payload, want := range map[string][2]int{"": {0, 0}, "garbage": {0, 0}, "ab": {2, 2}, strings.Repeat("x", 500): {11, 500}} {
		store.item.Payload = []byte(payload)
		if _, shown, err := quarantine.Item(t.Context(), 1); err != nil || len(shown.Logs) != want[0] || shown.Of != want[1] {
			t.Errorf("%.10q: %d of %d, %v", payload, len(shown.Logs), shown.Of, err)
		}
	}
}

// counter counts, or fails.
type counter struct {
	looks int
	err   error
}

func (c *counter) QuarantineCounts(context.Context) ([]app.QuarantineCount, error) {
	c.looks++
	return []app.QuarantineCount{{State: app.Held, Reason: app.ReasonPanic, Items: int64(c.looks)}}, c.err
}

func TestTheQuarantineIsCountedAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := &counter{}
		var seen int64
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- app.NewQuarantineWatch(items, func(counts []app.QuarantineCount, _ error) { seen = counts[0].Items }).Run(ctx)
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		if err := <-ended; err != nil || seen < 4 || seen > 5 {
			t.Errorf("seen %d, %v", seen, err)
		}
	})
}

func TestACursorOfTheQuarantineIsReadAsItWasWritten(t *testing.T) {
	for _, id := range []int64{1, 35, 1 << 62} {
		if got, err := app.ParseQuarantineCursor(*app.FormatQuarantineCursor(id)); err != nil || got != id {
			t.Errorf("%d became %d, %v", id, got, err)
		}
	}
	if app.FormatQuarantineCursor(0) != nil {
		t.Error("the last page has a next one")
	}
	for _, wrong := range []string{"", "0", "-1", "!", "zzzzzzzzzzzzzzzz"} {
		if _, err := app.ParseQuarantineCursor(wrong); app.KindOf(err) != app.KindInvalid {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
