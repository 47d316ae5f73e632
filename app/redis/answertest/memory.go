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
	ahead  time.Duration
	err    error
}

type kept struct {
	value []byte
	until time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{&shared{values: map[string]kept{}}, "first"}
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

func (s *shared) get(key string) ([]byte, bool) {
	k, ok := s.values[key]
	return k.value, ok && s.now().Before(k.until)
}

// Get implements app.AnswerStore.
func (m *Memory) Get(_ context.Context, key string) ([]byte, error) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if m.shared.err != nil {
		return nil, m.shared.err
	}
	value, ok := m.shared.get(key)
	if !ok {
		return nil, app.Errorf(app.KindNotFound, "there is no %s", key)
	}
	return bytes.Clone(value), nil
}

// Set implements app.AnswerStore.
func (m *Memory) Set(_ context.Context, key string, value []byte, life time.Duration) error {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if m.shared.err == nil {
		m.shared.values[key] = kept{bytes.Clone(value), m.shared.now().Add(life)}
	}
	return m.shared.err
}

// Lock implements app.AnswerStore.
func (m *Memory) Lock(_ context.Context, key string, life time.Duration) (bool, error) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if _, taken := m.shared.get(key); taken || m.shared.err != nil {
		return false, m.shared.err
	}
	m.shared.values[key] = kept{[]byte(m.mark), m.shared.now().Add(life)}
	return true, nil
}

// Unlock implements app.AnswerStore.
func (m *Memory) Unlock(_ context.Context, key string) error {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if holder, ok := m.shared.get(key); ok && string(holder) == m.mark {
		delete(m.shared.values, key)
	}
	return m.shared.err
}

// Spoil puts something else in place of every value.
func (m *Memory) Spoil(value []byte) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	for key, k := range m.shared.values {
		m.shared.values[key] = kept{value, k.until}
	}
}
