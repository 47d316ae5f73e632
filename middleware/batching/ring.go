package batching

// ring is a queue of parts that uses its memory again: under load a slice that
// is appended to and cut off in front would be copied, as a whole, time after
// time.
type ring struct {
	slots []part // a power of two
	first int    // slot of the oldest
	n     int
}

func (r *ring) len() int { return r.n }

// at returns the part behind i older ones, to read or change it.
func (r *ring) at(i int) *part { return &r.slots[(r.first+i)&(len(r.slots)-1)] }

func (r *ring) push(parts []part) {
	if r.n+len(parts) > len(r.slots) {
		r.grow(r.n + len(parts))
	}
	for i := range parts {
		r.n++
		*r.at(r.n - 1) = parts[i]
	}
}

// pop takes the n oldest.
func (r *ring) pop(n int) []part {
	out := make([]part, n, n+1) // seal may add one
	for i := range out {
		slot := r.at(i)
		out[i], *slot = *slot, part{}
	}
	if r.n -= n; n > 0 {
		r.first = (r.first + n) & (len(r.slots) - 1)
	}
	return out
}

func (r *ring) grow(n int) {
	size := max(16, len(r.slots))
	for size < n {
		size *= 2
	}
	slots := make([]part, size)
	for i := range r.n {
		slots[i] = *r.at(i)
	}
	r.slots, r.first = slots, 0
}
