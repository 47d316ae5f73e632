package answertest

import (
	"bytes"
	"context"
	"sync"
	"time"

	"millrace/app"
)

// Memory is an app.AnswerStore in memory. Its time is that of the program, or of
// its synctest bubble. Safe for concurrent use.
type Memory struct {
	shared *shared
	mark   string
}

type shared struct {
	mu     sync.Mutex
	values map[string]kept
	locks  map[string]kept
	ahead  time.Duration
	err    error
}

type kept struct {
	value []byte
	until time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{&shared{values: map[string]kept{}, locks: map[string]kept{}}, "first"}
}

// Other returns another client of the same store.
func (m *Memory) Other() *Memory { return &Memory{m.shared, "other"} }

// Forward lets time pass.
func (m *Memory) Forward(by time.Duration) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	m.shared.ahead += by
}

// Fail makes every call fail until it is called with nil.
func (m *Memory) Fail(err error) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	m.shared.err = err
}

func (s *shared) now() time.Time { return time.Now().Add(s.ahead) }

func (s *shared) get(from map[string]kept, key string) ([]byte, bool) {
	k, ok := from[key]
	return k.value, ok && s.now().Before(k.until)
}

// Claim implements app.AnswerStore.
func (m *Memory) Claim(_ context.Context, key string, life time.Duration) ([]byte, bool, error) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if m.shared.err != nil {
		return nil, false, m.shared.err
	}
	if value, ok := m.shared.get(m.shared.values, key); ok {
		return bytes.Clone(value), false, nil
	}
	return nil, m.lock(key, life), app.Errorf(app.KindNotFound, "there is no %s", key)
}

// Put implements app.AnswerStore.
func (m *Memory) Put(_ context.Context, key string, value []byte, life time.Duration) error {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if m.shared.err == nil {
		m.shared.values[key] = kept{bytes.Clone(value), m.shared.now().Add(life)}
		m.unlock(key)
	}
	return m.shared.err
}

// Lock implements app.AnswerStore.
func (m *Memory) Lock(_ context.Context, key string, life time.Duration) (bool, error) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	return m.shared.err == nil && m.lock(key, life), m.shared.err
}

// Unlock implements app.AnswerStore.
func (m *Memory) Unlock(_ context.Context, key string) error {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if m.shared.err == nil {
		m.unlock(key)
	}
	return m.shared.err
}

// lock and unlock are called with shared.mu held.
func (m *Memory) lock(key string, life time.Duration) bool {
	if _, taken := m.shared.get(m.shared.locks, key); taken {
		return false
	}
	m.shared.locks[key] = kept{[]byte(m.mark), m.shared.now().Add(life)}
	return true
}

func (m *Memory) unlock(key string) {
	if holder, ok := m.shared.get(m.shared.locks, key); ok && string(holder) == m.mark {
		delete(m.shared.locks, key)
	}
}

// Spoil puts something else in place of every value.
func (m *Memory) Spoil(value []byte) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	for key, k := range m.shared.values {
		m.shared.values[key] = kept{value, k.until}
	}
}
