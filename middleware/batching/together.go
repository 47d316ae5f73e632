package batching

// together is how many batches go to the next publisher in one call. It learns:
// a broker may take each of them, and refuse what several come to.
type together struct {
	size, max int
	streak    int // calls since size changed that it bounded and that were taken
}

// retryLarger is the streak after which more are tried again: a refusal costs a
// call, which is to be rare.
const retryLarger = 100

func newTogether(most int) together { return together{size: most, max: most} }

// refused tells that n batches, each of which may be taken, were too large.
func (t *together) refused(n int) { t.size, t.streak = max(1, n/2), 0 }

// taken tells that n batches were taken.
func (t *together) taken(n int) {
	if n < t.size || t.size == t.max {
		return
	}
	if t.streak++; t.streak == retryLarger {
		t.size, t.streak = min(2*t.size, t.max), 0
	}
}
