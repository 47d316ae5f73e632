package app_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"millrace/app"
)

var madeAt = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestAKeyIsFoundByItsTextAlone(t *testing.T) {
	reader, text := app.NewKey(app.Key{Name: "grafana", Scopes: []app.Scope{app.ScopeRead}, Expires: madeAt.Add(time.Hour)}, madeAt)
	revoked, revokedText := app.NewKey(app.Key{Name: "old", Scopes: []app.Scope{app.ScopeAdmin}}, madeAt)
	revoked.Revoked = madeAt.Add(time.Minute)
	_, stranger := app.NewKey(app.Key{Name: "nobody", Scopes: []app.Scope{app.ScopeAdmin}}, madeAt)
	ring, err := app.NewKeyring(reader, revoked)
	if err != nil {
		t.Fatal(err)
	}
	if n := ring.Usable(madeAt); n != 1 {
		t.Errorf("%d keys are usable", n)
	}
	if key, err := ring.Find(text, madeAt); err != nil || key.ID != reader.ID {
		t.Fatalf("%v, %v", key, err)
	}
	// The right id with another's secret.
	forged := text[:14] + stranger[14:]
	for name, tc := range map[string]struct {
		text string
		at   time.Time
		want string
	}{
		"no key":    {"secret", madeAt, "no key of Millrace"},
		"empty":     {"", madeAt, "no key of Millrace"},
		"a unknown": {stranger, madeAt, "not known"},
		"forged":    {forged, madeAt, "not known"},
		"expired":   {text, madeAt.Add(time.Hour), "expired on 2026-01-31T13:00:00Z"},
		"revoked":   {revokedText, madeAt, "revoked"},
	} {
		_, err := ring.Find(tc.text, tc.at)
		if app.KindOf(err) != app.KindUnauthenticated || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatAKeyAllows(t *testing.T) {
	for scopes, want := range map[app.Scope][]app.Scope{
		app.ScopeIngest: {app.ScopeIngest},
		app.ScopeRead:   {app.ScopeRead},
		app.ScopeAdmin:  app.Scopes,
	} {
		key := app.Key{Scopes: []app.Scope{scopes}}
		for _, scope := range app.Scopes {
			allowed := false
			for _, w := range want {
				allowed = allowed || w == scope
			}
			if key.Allows(scope) != allowed {
				t.Errorf("%s allows %s: %v", scopes, scope, !allowed)
			}
		}
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	good, _ := app.NewKey(app.Key{Name: "a", Scopes: []app.Scope{app.ScopeRead}}, madeAt)
	if _, err := app.NewKeyring(good, good); err == nil {
		t.Error("one id twice")
	}
	for name, change := range map[string]func(*app.Key){
		"no name":         func(k *app.Key) { k.Name = "" },
		"a control":       func(k *app.Key) { k.Name = "a\x1b[2J" },
		"a long name":     func(k *app.Key) { k.Name = strings.Repeat("x", 101) },
		"no scope":        func(k *app.Key) { k.Scopes = nil },
		"another scope":   func(k *app.Key) { k.Scopes = []app.Scope{"root"} },
		"another id":      func(k *app.Key) { k.ID = "K3V9" },
		"never made":      func(k *app.Key) { k.Made = time.Time{} },
		"expired at once": func(k *app.Key) { k.Expires = k.Made },
	} {
		key := good
		change(&key)
		if err := key.Validate(); app.KindOf(err) != app.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A text that is taken for a key is the only one for its id and secret.
func FuzzParseKey(f *testing.F) {
	_, text := app.NewKey(app.Key{}, madeAt)
	f.Add(text)
	f.Add(strings.ToUpper(text))
	f.Add(text[:len(text)-1] + "b")
	f.Add("mr_")
	f.Fuzz(func(t *testing.T, text string) {
		id, hash, ok := app.ParseKey(text)
		if !ok {
			if id != "" || hash != [sha256.Size]byte{} {
				t.Fatalf("%q is none, and has the id %q", text, id)
			}
			return
		}
		if !strings.HasPrefix(text, "mr_"+id+"_") || strings.ContainsAny(text, " \t\r\n") {
			t.Fatalf("%q has the id %q", text, id)
		}
		for i := range len(text) {
			if _, other, ok := app.ParseKey(text[:i] + "q" + text[i+1:]); ok && i > 13 && text[i] != 'q' && other == hash {
				t.Fatalf("two texts for one secret: byte %d of %q", i, text)
			}
		}
	})
}

func TestAFileThatChangesIsTakenAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "value")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []error // guarded by mu
		load := func(contents [][]byte) (string, error) {
			if contents[0] == nil {
				return "", errors.New("it is gone")
			}
			if string(contents[0]) == "bad" {
				return "", errors.New("it is bad")
			}
			return string(contents[0]), nil
		}
		value, err := app.NewReloaded(load, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, err)
		}, file)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = value.Run(t.Context()) }()
		step := func(want string, hears int) {
			t.Helper()
			time.Sleep(3 * time.Second)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if value.Get() != want || len(told) != hears {
				t.Fatalf("it is %q, and told of %v", value.Get(), told)
			}
		}
		step("one", 0)
		write("two")
		step("two", 1)
		write("bad")
		step("two", 2)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		step("two", 3)
		write("three")
		step("three", 4)
		if told[0] != nil || told[1] == nil || told[2] == nil || told[3] != nil {
			t.Errorf("told of %v", told)
		}
	})
}
