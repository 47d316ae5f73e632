package access_test

import (
	"net/http/httptest"
	"testing"

	"millrace/app"
	"millrace/http/access"
)

// Whoever owns a name can let it point to a machine of another's, and to a browser
// there the server is his site then: without keys it answers to no such name.
func TestAServerWithoutKeysAnswersToItsOwnNamesAlone(t *testing.T) {
	for _, tc := range []struct {
		host   string
		status int // without keys
	}{
		{"localhost:8080", 200},
		{"LOCALHOST.", 200},
		{"logs.localhost:8080", 200},
		{"127.0.0.1:8080", 200},
		{"[::1]:8080", 200},
		{"::1", 200},
		{"gateway:8080", 200},
		{"host.docker.internal:8080", 200},
		{"", 200},
		{"friend.example", 200},
		{"Friend.Example:443", 200},
		{"evil.example", 403},
		{"evil.example:8080", 403},
		{"evil.example.", 403},
		{"127.0.0.1.evil.example", 403},
		{"localhost.evil.example:8080", 403},
		{"notfriend.example", 403},
	} {
		open := func(c *access.Config) {
			c.Keys, c.Local, c.Origins = func() *app.Keyring { return nil }, true, []string{"https://friend.example"}
		}
		if got := asked(newWorld(t, open), tc.host, ""); got != tc.status {
			t.Errorf("%q is answered %d, want %d", tc.host, got, tc.status)
		}
		withKeys := newWorld(t, func(c *access.Config) { c.Local = true })
		if got := asked(withKeys, tc.host, withKeys.keys["read"]); got != 200 {
			t.Errorf("with a key %q is answered %d", tc.host, got)
		}
		everyone := newWorld(t, func(c *access.Config) { c.Keys = func() *app.Keyring { return nil } })
		if got := asked(everyone, tc.host, ""); got != 200 {
			t.Errorf("where everyone is let in %q is answered %d", tc.host, got)
		}
	}
}

// asked asks by a name and returns the answer's status.
func asked(w *world, host, key string) int {
	r := httptest.NewRequest("GET", "/api/logs", nil)
	r.Host = host
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer := httptest.NewRecorder()
	w.e.ServeHTTP(answer, r)
	return answer.Code
}
