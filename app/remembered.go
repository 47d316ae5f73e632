package app

import "sync"

// maxRemembered is how many bytes of answers are remembered.
const maxRemembered = 16 << 20

// remembered are the answers that were worked out or found a moment ago, for as
// long as they are good whatever is stored (openFresh). Who asks the same then need not
// ask a store, which is slow when a thousand do. The zero value is ready. Safe
// for concurrent use.
type remembered struct {
	mu      sync.Mutex
	answers map[string]Answer
	order   []string // keys, the first that were added first
	size    int      // of the bodies
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
	for len(r.order) > 0 && (r.size+len(answer.Body) > maxRemembered || r.answers[r.order[0]].age() >= openFresh) {
		r.size -= len(r.answers[r.order[0]].Body)
		delete(r.answers, r.order[0])
		r.order = r.order[1:]
	}
	there, ok := r.answers[key]
	switch {
	case answer.age() >= openFresh, len(answer.Body) > maxAnswer, ok && answer.Computed.Before(there.Computed):
		return
	case !ok:
		r.order = append(r.order, key)
	}
	if r.answers == nil {
		r.answers = map[string]Answer{}
	}
	r.answers[key] = answer
	r.size += len(answer.Body) - len(there.Body)
}
