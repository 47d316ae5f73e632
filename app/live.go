package app

import (
	"slices"
	"sync"
)

// LiveConfig tells the roles of a process of settings that were taken anew
// while they run. A nil LiveConfig has nothing to tell. Safe for concurrent use.
type LiveConfig struct {
	mu      sync.Mutex
	hearers []*func(before, now Config) // guarded by mu
}

// Hear has hear called with the settings as they were and as they are now, each
// time that some are taken anew, until forget is called.
func (l *LiveConfig) Hear(hear func(before, now Config)) (forget func()) {
	if l == nil {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hearers = append(l.hearers, &hear)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.hearers = slices.DeleteFunc(l.hearers, func(other *func(before, now Config)) bool { return other == &hear })
	}
}

// Tell calls all who hear, one after another.
func (l *LiveConfig) Tell(before, now Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, hear := range l.hearers {
		(*hear)(before, now)
	}
}
