// Package answertest has what every app.AnswerStore must do as tests, and one in
// memory that does it.
package answertest

import (
	"bytes"
	"testing"
	"time"

	"millrace/app"
)

// World is a store under test, and another client of the same.
type World struct {
	Store, Other app.AnswerStore
	Forward      func(time.Duration) // lets time pass there
}

// Test runs the tests; each is given a world of its own.
func Test(t *testing.T, make func(t *testing.T) World) {
	t.Run("values come back until they end", func(t *testing.T) { testValues(t, make(t)) })
	t.Run("a lock is one's alone", func(t *testing.T) { testLock(t, make(t)) })
	t.Run("a lock that ended is not given back", func(t *testing.T) { testLostLock(t, make(t)) })
}

func testValues(t *testing.T, w World) {
	ctx := t.Context()
	if _, err := w.Store.Get(ctx, "k"); app.KindOf(err) != app.KindNotFound {
		t.Fatalf("no value: %v", err)
	}
	for _, value := range [][]byte{[]byte("one"), {}, {0, 0xff, '\n'}, bytes.Repeat([]byte("x"), 1<<20)} {
		if err := w.Store.Set(ctx, "k", value, time.Minute); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Other.Get(ctx, "k"); err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%d bytes became %d, %v", len(value), len(got), err)
		}
	}
	if _, err := w.Store.Get(ctx, "another"); app.KindOf(err) != app.KindNotFound {
		t.Errorf("another key: %v", err)
	}
	w.Forward(2 * time.Minute)
	if _, err := w.Store.Get(ctx, "k"); app.KindOf(err) != app.KindNotFound {
		t.Errorf("after its life: %v", err)
	}
}

func lock(t *testing.T, store app.AnswerStore, want bool) {
	t.Helper()
	if got, err := store.Lock(t.Context(), "l", time.Minute); err != nil || got != want {
		t.Fatalf("locked %v, %v: want %v", got, err, want)
	}
}

func testLock(t *testing.T, w World) {
	lock(t, w.Store, true)
	lock(t, w.Other, false)
	lock(t, w.Store, false)
	if err := w.Store.Unlock(t.Context(), "l"); err != nil {
		t.Fatal(err)
	}
	lock(t, w.Other, true)
	w.Forward(2 * time.Minute)
	lock(t, w.Store, true)
}

func testLostLock(t *testing.T, w World) {
	lock(t, w.Store, true)
	w.Forward(2 * time.Minute)
	lock(t, w.Other, true)
	if err := w.Store.Unlock(t.Context(), "l"); err != nil {
		t.Fatal(err)
	}
	lock(t, w.Store, false)
}
