package keyfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/keyfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var madeAt = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func newKey(name string) (app.Key, string) {
	return app.NewKey(app.Key{Name: name, Scopes: []app.Scope{app.ScopeIngest, app.ScopeRead}, Expires: madeAt.Add(time.Hour)}, madeAt)
}

func add(t *testing.T, path string, keys ...app.Key) {
	t.Helper()
	err := keyfile.Change(path, func(old []app.Key) ([]app.Key, error) { return append(old, keys...), nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeysComeBackAsTheyWere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "keys.json")
	if keys, err := keyfile.Read(path); err != nil || keys != nil {
		t.Fatalf("%v, %v", keys, err)
	}
	first, secret := newKey("one")
	second, _ := newKey("zwei ✓")
	second.Expires, second.Revoked = time.Time{}, madeAt.Add(time.Minute)
	add(t, path, first)
	add(t, path, second)
	keys, err := keyfile.Read(path)
	if err != nil || !reflect.DeepEqual(keys, []app.Key{first, second}) {
		t.Fatalf("%v\n%v", keys, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if data, _ := os.ReadFile(path); strings.Contains(string(data), secret) || strings.Contains(string(data), secret[14:]) {
		t.Error("the key itself is in the file")
	}
	if left, _ := filepath.Glob(path + ".*.new"); left != nil {
		t.Errorf("it left %v", left)
	}
}

func TestAChangeThatFailsChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	key, _ := newKey("one")
	add(t, path, key)
	for name, change := range map[string]func([]app.Key) ([]app.Key, error){
		"an error":  func([]app.Key) ([]app.Key, error) { return nil, errors.New("no") },
		"twice":     func(keys []app.Key) ([]app.Key, error) { return append(keys, keys[0]), nil },
		"not a key": func(keys []app.Key) ([]app.Key, error) { return append(keys, app.Key{}), nil },
	} {
		if err := keyfile.Change(path, change); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if keys, err := keyfile.Read(path); err != nil || len(keys) != 1 {
		t.Errorf("%v, %v", keys, err)
	}
}

// Many who change it at once lose nothing of each other's.
func TestWritersWaitForEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			key, _ := newKey(strconv.Itoa(i))
			add(t, path, key)
		})
	}
	wait.Wait()
	if keys, err := keyfile.Read(path); err != nil || len(keys) != 20 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"no JSON":          {"{", 0o600, "no keys file"},
		"empty":            {"", 0o600, "no keys file"},
		"a misspelt name":  {`{"version":1,"keys":[{"expire":"2026-01-01T00:00:00Z"}]}`, 0o600, "expire"},
		"more":             {`{"version":1} {}`, 0o600, "behind its end"},
		"a later version":  {`{"version":2}`, 0o600, "version 2"},
		"a short hash":     {`{"version":1,"keys":[{"id":"aaaaaaaaaa","sha256":"00"}]}`, 0o600, "64 hexadecimal"},
		"no name":          {`{"version":1,"keys":[{"id":"aaaaaaaaaa","sha256":"` + strings.Repeat("00", 32) + `"}]}`, 0o600, "name"},
		"open to everyone": {`{"version":1}`, 0o666, "chmod 600"},
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		_, readErr := keyfile.Read(path)
		_, watchErr := keyfile.Watch(path, nil)
		for _, err := range []error{readErr, watchErr} {
			if app.KindOf(err) != app.KindInvalid || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestWhoeverWatchesLosesNoKeysToABrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	synctest.Test(t, func(t *testing.T) {
		var last atomic.Pointer[error]
		own, ownText := newKey("own")
		watched, err := keyfile.Watch(path, func(err error) { last.Store(&err) }, own)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = watched.Run(t.Context()) }()
		settle := func() {
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		settle()
		if watched.Get() != nil {
			t.Fatal("keys without a file")
		}
		key, text := newKey("one")
		add(t, path, key)
		settle()
		for _, text := range []string{text, ownText} {
			if _, err := watched.Get().Find(text, madeAt); err != nil || *last.Load() != nil {
				t.Fatal(err, *last.Load())
			}
		}
		for name, spoil := range map[string]func() error{
			"broken": func() error { return os.WriteFile(path, []byte("{"), 0o600) },
			"gone":   func() error { return os.Remove(path) },
		} {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			settle()
			if _, err := watched.Get().Find(text, madeAt); err != nil || *last.Load() == nil {
				t.Errorf("%s: %v, told of %v", name, err, *last.Load())
			}
		}
	})
}

// What can be read can be written, and is then the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"keys":[{"id":"aaaaaaaaaa","name":"n","scopes":["read"],"sha256":"` + strings.Repeat("00", 32) +
		`","made":"2026-01-31T12:00:00Z","expires":"2027-01-31T12:00:00+01:00"}]}`))
	f.Add([]byte(`{"version":1,"keys":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := keyfile.Decode(data)
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "keys.json")
		add(t, path, keys...)
		back, err := keyfile.Read(path)
		if err != nil || len(back) != len(keys) {
			t.Fatalf("%v, %v", back, err)
		}
		for i, key := range keys {
			if back[i].ID != key.ID || back[i].Hash != key.Hash || !back[i].Made.Equal(key.Made) || !back[i].Expires.Equal(key.Expires) || !back[i].Revoked.Equal(key.Revoked) {
				t.Errorf("%v became %v", key, back[i])
			}
		}
	})
}
