package app

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scope is what a key allows.
type Scope string

// The scopes. Admin includes the others.
const (
	ScopeIngest Scope = "ingest" // hand in logs
	ScopeRead   Scope = "read"   // ask for what is there
	ScopeAdmin  Scope = "admin"  // change something, or cost much
)

// Scopes are all of them.
var Scopes = []Scope{ScopeIngest, ScopeRead, ScopeAdmin}

// Key is what is kept of an API key. The key itself is not: it is 256 random
// bits, which nobody guesses, so that a plain hash of it tells nothing.
type Key struct {
	ID      string // names the key in lists and logs
	Name    string // whose it is, for people
	Scopes  []Scope
	Hash    [sha256.Size]byte // of the 256 bits
	Made    time.Time
	Expires time.Time // zero: never
	Revoked time.Time // zero: it is not
}

const (
	// keyPrefix lets people, and programs that look for secrets, know a key
	// when they see one.
	keyPrefix   = "mr_"
	keyIDLength = 10
	keyBytes    = 32
)

// keyText is how bytes are written in a key: one word, whatever selects it.
var keyText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewKey makes a key for what is in template (Name, Scopes, Expires), and the
// text that its owner shows, which cannot be had a second time.
func NewKey(template Key, now time.Time) (key Key, text string) {
	var secret [keyBytes]byte
	_, _ = rand.Read(secret[:]) // it never fails
	key = template
	key.ID = strings.ToLower(rand.Text()[:keyIDLength])
	key.Made = now.UTC().Truncate(time.Second)
	key.Hash = sha256.Sum256(secret[:])
	return key, keyPrefix + key.ID + "_" + keyText.EncodeToString(secret[:])
}

// ParseKey takes a key's text apart into its id and the hash of its secret. It
// is false for anything that NewKey cannot have written.
func ParseKey(text string) (id string, hash [sha256.Size]byte, ok bool) {
	rest, ok := strings.CutPrefix(text, keyPrefix)
	if !ok || len(rest) != keyIDLength+1+keyText.EncodedLen(keyBytes) || rest[keyIDLength] != '_' {
		return "", hash, false
	}
	id, rest = rest[:keyIDLength], rest[keyIDLength+1:]
	secret, err := keyText.DecodeString(rest)
	// The last letter has bits to spare: one key has one text.
	if err != nil || !validKeyID(id) || keyText.EncodeToString(secret) != rest {
		return "", hash, false
	}
	return id, sha256.Sum256(secret), true
}

func validKeyID(id string) bool {
	return len(id) == keyIDLength && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '2' || r > '7')
	})
}

// Allows tells whether the key has a scope.
func (k Key) Allows(scope Scope) bool {
	return slices.Contains(k.Scopes, scope) || slices.Contains(k.Scopes, ScopeAdmin)
}

// maxKeyName is the longest name of a key, in bytes.
const maxKeyName = 100

// Validate returns why this can be no key.
func (k Key) Validate() error {
	switch {
	case !validKeyID(k.ID):
		return Errorf(KindInvalid, "id %q is none of a key", k.ID)
	case k.Name == "" || len(k.Name) > maxKeyName || strings.ContainsFunc(k.Name, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }):
		return Errorf(KindInvalid, "key %s: its name must be text of 1 to %d bytes", k.ID, maxKeyName)
	case k.Made.IsZero():
		return Errorf(KindInvalid, "key %s: it does not say when it was made", k.ID)
	case !k.Expires.IsZero() && !k.Expires.After(k.Made):
		return Errorf(KindInvalid, "key %s: it expires before it was made", k.ID)
	}
	return ValidateScopes(k.Scopes)
}

// ValidateScopes returns why these can be no key's.
func ValidateScopes(scopes []Scope) error {
	if len(scopes) == 0 {
		return Errorf(KindInvalid, "a key needs a scope: some of %v", Scopes)
	}
	for _, scope := range scopes {
		if !slices.Contains(Scopes, scope) {
			return Errorf(KindInvalid, "%q is no scope: want some of %v", scope, Scopes)
		}
	}
	return nil
}

// Keyring finds keys by their text. It does not change: safe for concurrent
// use.
type Keyring struct{ keys map[string]Key }

// NewKeyring returns a ring of keys, each of which must be valid and have an id
// of its own.
func NewKeyring(keys ...Key) (*Keyring, error) {
	ring := &Keyring{keys: make(map[string]Key, len(keys))}
	for _, key := range keys {
		if err := key.Validate(); err != nil {
			return nil, err
		}
		if _, twice := ring.keys[key.ID]; twice {
			return nil, Errorf(KindInvalid, "two keys have the id %s", key.ID)
		}
		ring.keys[key.ID] = key
	}
	return ring, nil
}

// Usable tells how many keys can be used at a time.
func (r *Keyring) Usable(now time.Time) int {
	n := 0
	for _, key := range r.keys {
		if key.usable(now) == nil {
			n++
		}
	}
	return n
}

// Find returns the key with a text. The error, of KindUnauthenticated, says why
// there is none; only whoever has the key itself learns that it has expired.
func (r *Keyring) Find(text string, now time.Time) (Key, error) {
	id, hash, ok := ParseKey(text)
	if !ok {
		return Key{}, Errorf(KindUnauthenticated, "this is no key of Millrace: make one with millrace key create")
	}
	key, known := r.keys[id]
	// An unknown id is compared too, with nothing: it takes no less time.
	if same := subtle.ConstantTimeCompare(key.Hash[:], hash[:]) == 1; !same || !known {
		return Key{}, Errorf(KindUnauthenticated, "this key is not known here: see millrace key ls")
	}
	if err := key.usable(now); err != nil {
		return Key{}, err
	}
	return key, nil
}

func (k Key) usable(now time.Time) error {
	switch {
	case !k.Revoked.IsZero():
		return Errorf(KindUnauthenticated, "the key %s is revoked", k.ID)
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return Errorf(KindUnauthenticated, "the key %s has expired on %s", k.ID, k.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// String names the key for people and logs.
func (k Key) String() string { return fmt.Sprintf("%s (%s)", k.ID, k.Name) }
