// Package keyfile keeps API keys in a file that needs no server to be there: a
// shipper that has neither PostgreSQL nor Kafka still knows who may hand it logs.
//
// The file is JSON:
//
//	{"version": 1, "keys": [
//	  {"id": "k3v9x2q7ab", "name": "checkout", "scopes": ["ingest"], "sha256": "9f86…",
//	   "made": "2026-01-31T12:00:00Z", "expires": "2027-01-31T12:00:00Z"}]}
//
// It is written by renaming a new one over it, so that whoever reads it sees the
// old or the new one, and by one process at a time (a lock beside it). Nobody
// else can read it, or whoever reads it refuses it when others can write to it.
package keyfile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"millrace/app"
)

const version = 1

type document struct {
	Version int     `json:"version"`
	Keys    []entry `json:"keys"`
}

type entry struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Scopes  []app.Scope `json:"scopes"`
	Hash    string      `json:"sha256"`
	Made    time.Time   `json:"made"`
	Expires *time.Time  `json:"expires,omitempty"`
	Revoked *time.Time  `json:"revoked,omitempty"`
}

// Decode reads what is in a keys file. What it does not understand is an
// error: a member that is misspelt must not be a key that never expires.
func Decode(data []byte) ([]app.Key, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var doc document
	if err := decoder.Decode(&doc); err != nil {
		return nil, app.Errorf(app.KindInvalid, "it is no keys file: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, app.Errorf(app.KindInvalid, "it is no keys file: something stands behind its end")
	}
	if doc.Version != version {
		return nil, app.Errorf(app.KindInvalid, "it has version %d: this Millrace reads %d", doc.Version, version)
	}
	keys := make([]app.Key, len(doc.Keys))
	for i, e := range doc.Keys {
		hash, err := hex.DecodeString(e.Hash)
		keys[i] = app.Key{ID: e.ID, Name: e.Name, Scopes: e.Scopes, Made: e.Made, Expires: moment(e.Expires), Revoked: moment(e.Revoked)}
		if err != nil || copy(keys[i].Hash[:], hash) != len(keys[i].Hash) || len(hash) != len(keys[i].Hash) {
			return nil, app.Errorf(app.KindInvalid, "key %s: its sha256 is not 64 hexadecimal digits", e.ID)
		}
	}
	_, err := app.NewKeyring(keys...)
	return keys, err
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func encode(keys []app.Key) ([]byte, error) {
	doc := document{Version: version, Keys: make([]entry, len(keys))}
	for i, k := range keys {
		doc.Keys[i] = entry{ID: k.ID, Name: k.Name, Scopes: k.Scopes, Hash: hex.EncodeToString(k.Hash[:]), Made: k.Made}
		if !k.Expires.IsZero() {
			doc.Keys[i].Expires = &k.Expires
		}
		if !k.Revoked.IsZero() {
			doc.Keys[i].Revoked = &k.Revoked
		}
	}
	data, err := json.MarshalIndent(doc, "", "  ")
	return append(data, '\n'), err
}

// Read returns the keys in a file, none when it is not there.
func Read(path string) ([]app.Key, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unusable(path, err)
	}
	if err := checkMode(info.Mode()); err != nil {
		return nil, unusable(path, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unusable(path, err)
	}
	keys, err := Decode(data)
	if err != nil {
		return nil, unusable(path, err)
	}
	return keys, nil
}

// checkMode refuses a file that others can put keys into.
func checkMode(mode fs.FileMode) error {
	if mode.Perm()&0o022 != 0 {
		return errors.New("others can write to it: chmod 600 it")
	}
	return nil
}

func unusable(path string, err error) error {
	return app.Errorf(app.KindInvalid, "the keys in %s cannot be used (setting access-keys-file): %w", path, err)
}

// Watch returns the keys in a file, and with them others that are in none, as
// they are from time to time; its Run keeps them so. They are nil while there
// never was such a file. A file that cannot be used, or is gone, leaves the keys
// as they were; told hears of it, and of each change with nil.
func Watch(path string, told func(error), others ...app.Key) (*app.Reloaded[*app.Keyring], error) {
	there := false
	load := func(contents [][]byte) (*app.Keyring, error) {
		if contents[0] == nil && !there {
			return nil, nil
		}
		there = true
		if contents[0] == nil {
			return nil, unusable(path, errors.New("the file is gone"))
		}
		if info, err := os.Stat(path); err == nil {
			if err := checkMode(info.Mode()); err != nil {
				return nil, unusable(path, err)
			}
		}
		keys, err := Decode(contents[0])
		if err != nil {
			return nil, unusable(path, err)
		}
		return app.NewKeyring(slices.Concat(keys, others)...)
	}
	return app.NewReloaded(load, told, path)
}

// Change reads the keys, lets change make others of them, and writes these. It
// waits for another process that does so. The file and its folder are made
// where they are not there.
func Change(path string, change func([]app.Key) ([]app.Key, error)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return unusable(path, err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return unusable(path, err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return unusable(path, err)
	}
	keys, err := Read(path)
	if err != nil {
		return err
	}
	if keys, err = change(keys); err != nil {
		return err
	}
	if _, err := app.NewKeyring(keys...); err != nil {
		return err
	}
	data, err := encode(keys)
	if err != nil {
		return err
	}
	if err := replace(path, data); err != nil {
		return unusable(path, err)
	}
	return nil
}

// replace puts a file in place of another, and it is either even if the power
// fails. What is behind a link is replaced, not the link.
func replace(path string, data []byte) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
