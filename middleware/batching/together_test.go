package batching_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// A next publisher that takes each batch, and not many at once, is soon asked
// for no more than it takes, but for a call now and then; when it takes more
// again it gets more again. All come, in order.
func TestBatchesThatAreTooLargeTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit, refusals := 3, 0
		var sizes []int
		gate := make(chan struct{})
		next := &recorder{fail: func(_ string, msgs []*message.Message) error {
			<-gate
			if len(msgs) > limit {
				refusals++
				return errLarge
			}
			sizes = append(sizes, len(msgs))
			return nil
		}}
		p := open(t, next, letters(batching.Config{
			MaxMessages: 1, MaxTogether: 16, Acknowledge: batching.Buffered,
			IsTooLarge: func(err error) bool { return err == errLarge },
		}))
		var want []string
		send := func(n int) {
			for range n {
				publish(t, p, "t", "a")
				want = append(want, fmt.Sprintf("t/%d+1:a", len(want)+1))
			}
		}
		send(1000)
		close(gate)
		synctest.Wait()
		if refusals > 8 {
			t.Errorf("%d calls were refused, of %d", refusals, refusals+len(sizes))
		}
		if largest := slices.Max(sizes); largest > limit || largest == 1 {
			t.Errorf("%d at once, with a limit of %d", largest, limit)
		}

		limit, gate = 16, make(chan struct{})
		send(8000)
		close(gate)
		synctest.Wait()
		if largest := slices.Max(sizes); largest != limit {
			t.Errorf("at most %d at once, when %d are taken again", largest, limit)
		}
		if got := next.taken(); !slices.Equal(got, want) {
			t.Errorf("%d of %d came, or not in order", len(got), len(want))
		}
	})
}
