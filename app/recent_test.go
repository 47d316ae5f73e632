package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"millrace/app"
)

// fakeStore is a store of logs in memory; its transactions are numbered.
type fakeStore struct {
	logs  []app.Log // newest first
	reads int
}

func (f *fakeStore) Newest(_ context.Context, limit int) ([]app.Log, app.Snapshot, error) {
	f.reads++
	n := len(f.logs) + 1
	return f.logs[:min(limit, len(f.logs))], app.Snapshot(itoa(n) + ":" + itoa(n) + ":"), nil
}

func (*fakeStore) Logs(context.Context, app.Query) (app.Page, error) { panic("not asked here") }

func (f *fakeStore) add(message string) {
	f.logs = append([]app.Log{{ID: app.NewLogID(int64(len(f.logs)+1), 0), Time: time.Unix(int64(len(f.logs)), 0), Message: message}}, f.logs...)
}

// Covers implements app.StoredFeed: one transaction a log.
func (f *fakeStore) Covers(s app.Snapshot) bool {
	return len(f.logs) == 0 || s.Sees(uint64(len(f.logs)))
}

type fakeCache struct {
	kept *app.RecentLogs
	err  error
}

func (f *fakeCache) Load(_ context.Context, limit int) (app.RecentLogs, error) {
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
	if f.err != nil {
		return f.err
	}
	f.kept = &logs
	return nil
}

func TestRecentIsNeverOlderThanTheLastStoredBatch(t *testing.T) {
	store, cache := &fakeStore{}, &fakeCache{}
	recent := app.NewRecent(store, cache, store)
	projection := app.NewRecentProjection(store, cache)

	newest := func(wantSource app.RecentSource, want string) {
		t.Helper()
		logs, source, err := recent.Newest(t.Context(), 1)
		if err != nil || source != wantSource {
			t.Fatalf("source %s, error %v; want %s", source, err, wantSource)
		}
		var got app.Log
		if len(logs) != 1 || got.UnmarshalJSON(logs[0]) != nil || got.Message != want {
			t.Fatalf("got %s, want %q", logs, want)
		}
	}
	store.add("one")
	newest(app.FromStore, "one") // nothing cached yet
	newest(app.FromCache, "one")
	store.add("two")
	newest(app.FromStore, "two") // the cache is behind
	newest(app.FromCache, "two") // and was mended by the reader
	store.add("three")
	if _, err := projection.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	newest(app.FromCache, "three") // the projection came first
	cache.err = errors.New("connection refused")
	newest(app.Bypassed, "three")
	cache.err = nil
	reads := store.reads
	newest(app.FromCache, "three")
	if store.reads != reads {
		t.Error("an answer from the cache asked the store")
	}
}

func itoa(n int) string { return string(rune('0' + n)) }
