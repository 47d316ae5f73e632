package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"millrace/app"
)

// fakeStore is a store of logs in memory; its transactions are numbered.
type fakeStore struct {
	mu    sync.Mutex
	logs  []app.Log // newest first; guarded by mu, as is reads
	reads int
	takes time.Duration
}

func (f *fakeStore) Newest(_ context.Context, limit int) ([]app.Log, app.Snapshot, error) {
	f.mu.Lock()
	f.reads++
	logs, n := f.logs, len(f.logs)+1
	f.mu.Unlock()
	time.Sleep(f.takes)
	return logs[:min(limit, len(logs))], app.Snapshot(itoa(n) + ":" + itoa(n) + ":"), nil
}

func (*fakeStore) Logs(context.Context, app.Query) (app.Page, error) { panic("not asked here") }

func (f *fakeStore) add(message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs = append([]app.Log{{ID: app.NewLogID(int64(len(f.logs)+1), 0), Time: time.Unix(int64(len(f.logs)), 0), Message: message}}, f.logs...)
}

// Covers implements app.StoredFeed: one transaction a log.
func (f *fakeStore) Covers(s app.Snapshot) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.logs) == 0 || s.Sees(uint64(len(f.logs)))
}

type fakeCache struct {
	mu      sync.Mutex
	kept    *app.RecentLogs // guarded by mu
	err     error
	saveErr error
	saves   time.Duration // to keep what is saved
}

func (f *fakeCache) Load(_ context.Context, limit int) (app.RecentLogs, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return app.RecentLogs{}, f.err
	case f.kept == nil:
		return app.RecentLogs{}, app.Errorf(app.KindNotFound, "nothing kept")
	}
	out := *f.kept
	out.Logs = out.Logs[:min(limit, len(out.Logs))]
	return out, nil
}

func (f *fakeCache) Save(_ context.Context, logs app.RecentLogs) error {
	time.Sleep(f.saves)
	if err := errors.Join(f.err, f.saveErr); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = &logs
	return nil
}

// newest asks for the newest log.
func newest(t *testing.T, recent *app.Recent, wantSource app.RecentSource, want string) {
	t.Helper()
	answer, err := recent.Newest(t.Context(), 1)
	if err != nil || answer.Source != wantSource {
		t.Fatalf("source %s, error %v; want %s", answer.Source, err, wantSource)
	}
	var logs []app.Log
	if err := json.Unmarshal(answer.Array, &logs); err != nil || len(logs) != 1 || logs[0].Message != want {
		t.Fatalf("got %s, want %q", answer.Array, want)
	}
}

func inRecent(t *testing.T, test func(t *testing.T, store *fakeStore, cache *fakeCache, recent *app.Recent)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store, cache := &fakeStore{}, &fakeCache{}
		recent := app.NewRecent(store, cache, store, pack)
		defer func() { // also of a test that ends early
			if err := recent.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(t, store, cache, recent)
	})
}

// pack takes its time.
func pack(body []byte) []byte {
	time.Sleep(10 * time.Millisecond)
	return bytes.ToUpper(body)
}

// later lets a copy's life pass.
func later() {
	time.Sleep(time.Second)
}

func TestRecentIsNeverOlderThanTheLastStoredBatch(t *testing.T) {
	inRecent(t, func(t *testing.T, store *fakeStore, cache *fakeCache, recent *app.Recent) {
		store.add("one")
		newest(t, recent, app.FromStore, "one") // nothing cached yet
		newest(t, recent, app.FromCache, "one")
		store.add("two")
		newest(t, recent, app.FromStore, "two") // the copy and the cache are behind
		newest(t, recent, app.FromCache, "two")
		later()
		store.add("three")
		if _, err := app.NewRecentProjection(store, cache).Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		reads := store.reads
		newest(t, recent, app.FromCache, "three") // the projection came first
		newest(t, recent, app.FromCache, "three")
		if store.reads != reads {
			t.Error("an answer from the cache asked the store")
		}
	})
}

// An answer is compressed and named once, and as long as nothing is new it keeps
// both, whatever is looked for meanwhile.
func TestTheSameNewestLogsArePackedOnce(t *testing.T) {
	inRecent(t, func(t *testing.T, store *fakeStore, _ *fakeCache, recent *app.Recent) {
		store.add("one")
		ask := func(limit int) app.RecentAnswer {
			t.Helper()
			answer, err := recent.Newest(t.Context(), limit)
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		if unpacked := ask(app.DefaultLimit); unpacked.Packed != nil {
			t.Error("the first waited until it was packed")
		}
		later()
		first := ask(app.DefaultLimit)
		if string(first.Packed) != strings.ToUpper(string(first.Array)) {
			t.Fatalf("packed %q", first.Packed)
		}
		for range 5 {
			later()
			ask(app.DefaultLimit) // which has the cache looked after
		}
		if again := ask(app.DefaultLimit); &again.Packed[0] != &first.Packed[0] || again.Tag != first.Tag {
			t.Error("it was packed again")
		}
		store.add("two")
		later()
		two := ask(app.DefaultLimit)
		if two.Tag == first.Tag {
			t.Error("other logs have the same tag")
		}
		if one := ask(1); one.Packed != nil || one.Tag == two.Tag || one.Tag == first.Tag {
			t.Errorf("a part of them has %q, %q", one.Packed, one.Tag)
		}
	})
}

// A copy is right for as long as nothing is stored; but nobody goes on for long
// without a cache that is gone, or that no projection keeps.
func TestRecentLooksAfterItsCache(t *testing.T) {
	inRecent(t, func(t *testing.T, store *fakeStore, cache *fakeCache, recent *app.Recent) {
		store.add("one")
		newest(t, recent, app.FromStore, "one")
		later()
		newest(t, recent, app.FromCache, "one")
		synctest.Wait()
		if cache.kept == nil || len(cache.kept.Logs) != 1 {
			t.Fatal("the cache was not brought up to date")
		}
		later()
		cache.err = errors.New("connection refused")
		newest(t, recent, app.FromCache, "one") // which finds out
		synctest.Wait()
		newest(t, recent, app.Bypassed, "one")
		store.add("two")
		newest(t, recent, app.Bypassed, "two")
		newest(t, recent, app.Bypassed, "two")
		cache.err = nil
		newest(t, recent, app.FromStore, "two")
		newest(t, recent, app.FromCache, "two")
	})
}

// What a slow cache had looked after does not take the place of what was read
// meanwhile.
func TestALateCopyDoesNotReplaceANewerOne(t *testing.T) {
	inRecent(t, func(t *testing.T, store *fakeStore, cache *fakeCache, recent *app.Recent) {
		store.add("one")
		newest(t, recent, app.FromStore, "one")
		later()
		cache.saves = time.Second
		newest(t, recent, app.FromCache, "one") // which has the cache brought up to date
		time.Sleep(cache.saves / 2)
		store.add("two")
		newest(t, recent, app.FromStore, "two")
		time.Sleep(cache.saves)
		newest(t, recent, app.FromCache, "two")
	})
}

// A cache that keeps nothing has the store read no more often than the cache is
// looked after.
func TestACacheThatKeepsNothing(t *testing.T) {
	inRecent(t, func(t *testing.T, store *fakeStore, cache *fakeCache, recent *app.Recent) {
		cache.saveErr = errors.New("out of memory")
		store.add("one")
		newest(t, recent, app.FromStore, "one")
		store.reads = 0
		for range 1000 {
			time.Sleep(time.Millisecond)
			newest(t, recent, app.FromCache, "one")
			synctest.Wait()
		}
		if store.reads < 2 || store.reads > 10 {
			t.Errorf("it was read %d times in a second", store.reads)
		}
	})
}

// An answer has a name of its own wherever it came from: with that of another, a
// client would be told that it has what it has not.
func TestEachAnswerHasATagOfItsOwn(t *testing.T) {
	inRecent(t, func(t *testing.T, store *fakeStore, cache *fakeCache, recent *app.Recent) {
		arrays := map[string]string{} // by their tags
		for _, cache.err = range []error{nil, errors.New("connection refused")} {
			for range 3 {
				store.add("one more")
				for _, limit := range []int{1, 2, app.DefaultLimit, app.RecentKept} {
					answer, err := recent.Newest(t.Context(), limit)
					if err != nil {
						t.Fatal(err)
					}
					array := string(answer.Array)
					if same, ok := arrays[answer.Tag]; answer.Tag == "" || ok && same != array {
						t.Errorf("the tag %q is that of %s and of %s (%s)", answer.Tag, same, array, answer.Source)
					}
					arrays[answer.Tag] = array
				}
				later()
			}
		}
	})
}

// All who ask while a new list is read have that one.
func TestNewestLogsAreReadOnceForAll(t *testing.T) {
	inRecent(t, func(t *testing.T, store *fakeStore, cache *fakeCache, recent *app.Recent) {
		store.add("one")
		store.takes = time.Second
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { newest(t, recent, app.FromStore, "one") })
		}
		all.Wait()
		if store.reads != 1 {
			t.Errorf("it was read %d times", store.reads)
		}
		// One who comes when a batch was stored since it began to be read waits
		// for the next.
		store.add("two")
		all.Go(func() { newest(t, recent, app.FromStore, "two") })
		synctest.Wait()
		time.Sleep(store.takes / 2)
		store.add("three")
		newest(t, recent, app.FromStore, "three")
		all.Wait()
	})
}

func itoa(n int) string { return string(rune('0' + n)) }
