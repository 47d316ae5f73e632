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
	t.Run("a value gives its own lock back", func(t *testing.T) { testPut(t, make(t)) })
	t.Run("a lock is one's alone", func(t *testing.T) { testLock(t, make(t)) })
	t.Run("a lock that ended is not given back", func(t *testing.T) { testLostLock(t, make(t)) })
}

const life = time.Minute

// missing wants that there is no value, and that the key's lock was taken or not.
func missing(t *testing.T, store app.AnswerStore, key string, wantLock bool) {
	t.Helper()
	if _, locked, err := store.Claim(t.Context(), key, life); app.KindOf(err) != app.KindNotFound || locked != wantLock {
		t.Fatalf("%s: locked %v, %v: want no value, and locked %v", key, locked, err, wantLock)
	}
}

func testValues(t *testing.T, w World) {
	ctx := t.Context()
	missing(t, w.Store, "k", true)
	for _, value := range [][]byte{[]byte("one"), {}, {0, 0xff, '\n'}, bytes.Repeat([]byte("x"), 1<<20)} {
		if err := w.Store.Put(ctx, "k", value, life); err != nil {
			t.Fatal(err)
		}
		if got, locked, err := w.Other.Claim(ctx, "k", life); err != nil || locked || !bytes.Equal(got, value) {
			t.Fatalf("%d bytes became %d, locked %v, %v", len(value), len(got), locked, err)
		}
	}
	missing(t, w.Store, "another", true)
	w.Forward(2 * life)
	missing(t, w.Store, "k", true)
}

func lock(t *testing.T, store app.AnswerStore, want bool) {
	t.Helper()
	if got, err := store.Lock(t.Context(), "l", life); err != nil || got != want {
		t.Fatalf("locked %v, %v: want %v", got, err, want)
	}
}

func unlock(t *testing.T, store app.AnswerStore) {
	t.Helper()
	if err := store.Unlock(t.Context(), "l"); err != nil {
		t.Fatal(err)
	}
}

func testLock(t *testing.T, w World) {
	lock(t, w.Store, true)
	lock(t, w.Other, false)
	lock(t, w.Store, false)
	missing(t, w.Other, "l", false)
	unlock(t, w.Other) // not its own
	missing(t, w.Other, "l", false)
	unlock(t, w.Store)
	missing(t, w.Other, "l", true)
	lock(t, w.Store, false)
	w.Forward(2 * life)
	lock(t, w.Store, true)
}

// Whoever has the value needs no lock any more; the lock of another stays.
func testPut(t *testing.T, w World) {
	for _, who := range []struct {
		store app.AnswerStore
		free  bool
	}{{w.Other, false}, {w.Store, true}} {
		if who.free {
			unlock(t, w.Store)
		}
		lock(t, w.Store, true)
		if err := who.store.Put(t.Context(), "l", []byte("value"), life); err != nil {
			t.Fatal(err)
		}
		lock(t, w.Other, who.free)
		unlock(t, w.Other)
	}
}

func testLostLock(t *testing.T, w World) {
	lock(t, w.Store, true)
	w.Forward(2 * life)
	lock(t, w.Other, true)
	unlock(t, w.Store)
	lock(t, w.Store, false)
}
