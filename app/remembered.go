package app

import "sync"

const (
	// maxRemembered is how many bytes of answers are remembered.
	maxRemembered = 16 << 20
	// besideBody is about how many bytes an answer takes beside its body and the
	// values of its headers.
	besideBody = 1 << 10
)

// remembered are the answers that were worked out or found a moment ago, for as
// long as they are good whatever is stored (openFresh). Who asks the same then need
// not ask a store, which is slow when a thousand do. The zero value is ready. Safe
// for concurrent use.
type remembered struct {
	mu      sync.Mutex
	answers map[string]Answer
	order   []string // keys, the first that were added first
	size    int      // of all answers, see sizeInMemory
}

// get returns the answer under a key.
func (r *remembered) get(key string) (Answer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer, ok := r.answers[key]
	return answer, ok && answer.age() < openFresh
}

// add adds an answer, unless there is one that was begun later, and forgets those
// that are too old, or too many.
func (r *remembered) add(key string, answer Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	there, ok := r.answers[key]
	if answer.age() >= openFresh || len(answer.Body) > maxAnswer || ok && answer.Computed.Before(there.Computed) {
		return
	}
	size := sizeInMemory(answer)
	for len(r.order) > 0 && (r.size+size > maxRemembered || r.answers[r.order[0]].age() >= openFresh) {
		r.size -= sizeInMemory(r.answers[r.order[0]])
		delete(r.answers, r.order[0])
		r.order = r.order[1:]
	}
	if there, ok = r.answers[key]; ok {
		r.size -= sizeInMemory(there)
	} else {
		r.order = append(r.order, key)
	}
	if r.answers == nil {
		r.answers = map[string]Answer{}
	}
	r.answers[key] = answer
	r.size += size
}

// sizeInMemory is about how many bytes an answer takes.
func sizeInMemory(a Answer) int {
	size := besideBody + len(a.Body)
	for _, values := range a.Header {
		for _, value := range values {
			size += len(value)
		}
	}
	return size
}
