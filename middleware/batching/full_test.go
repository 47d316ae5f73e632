package batching_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// gate is a next publisher's failure until it is opened.
type gate struct{ up atomic.Bool }

func (g *gate) fail(string, []*message.Message) error {
	if !g.up.Load() {
		return errDown
	}
	return nil
}

// small has room for two batches of four.
func small(when batching.WhenFull) batching.Config {
	return letters(batching.Config{MaxMessages: 4, BufferLimit: 8, WhenFull: when, Acknowledge: batching.Buffered})
}

func TestRejectAndDrop(t *testing.T) {
	for _, c := range []struct {
		when batching.WhenFull
		word string
		err  error
	}{
		{batching.Reject, "rejected", batching.ErrFull},
		{batching.Drop, "dropped", nil},
	} {
		t.Run(c.word, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gate
				next, saw := &recorder{fail: g.fail}, newWatcher()
				cfg := small(c.when)
				cfg.Observer = saw
				p := open(t, next, cfg)
				publish(t, p, "t", "abcdef")
				wantErr(t, p.Publish("t", msg("123")), c.err) // all or none: two would fit
				publish(t, p, "u", "gh")                      // what fits is taken: no more and no less
				wantErr(t, p.Publish("u", msg("4")), c.err)
				if s := p.Stats(); s != (batching.Stats{Units: 8, Bytes: 8, Remaining: 0}) {
					t.Fatalf("%+v", s)
				}
				want(t, saw.saw(c.word), "0s "+c.word+" t 3", "0s "+c.word+" u 1")
				want(t, saw.saw("taken"), "0s taken t 6", "0s taken u 2")
				g.up.Store(true)
				time.Sleep(time.Minute)
				publish(t, p, "t", "ij") // room is back, and what was refused has no number
				time.Sleep(time.Minute)
				synctest.Wait()
				got := next.taken()
				slices.Sort(got) // topics have no order among each other
				want(t, got, "t/1+4:abcd", "t/5+2:ef", "t/7+2:ij", "u/1+2:gh")
			})
		})
	}
}

func TestBytesFillTheBufferToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		p := open(t, &recorder{fail: g.fail}, batching.Config{MaxBytes: 4, BufferBytes: 8, WhenFull: batching.Reject, Acknowledge: batching.Buffered})
		publish(t, p, "t", "abcdefg")
		wantErr(t, p.Publish("t", msg("hi")), batching.ErrFull)
		publish(t, p, "t", "h")
		g.up.Store(true)
	})
}

// What can never fit is refused at once, whatever WhenFull says.
func TestTooLargeForTheBuffer(t *testing.T) {
	for _, when := range []batching.WhenFull{batching.Block, batching.Reject, batching.Drop} {
		synctest.Test(t, func(t *testing.T) {
			next := &recorder{}
			cfg := small(when)
			cfg.MaxBytes, cfg.BufferBytes = 100, 100
			p := open(t, next, cfg)
			wantErr(t, p.Publish("t", msg("abcdefghi")), batching.ErrTooLarge)
			wantErr(t, p.Publish("t", msg("abcd"), msg("efghi")), batching.ErrTooLarge)
			publish(t, p, "t", "abcdefgh")
			synctest.Wait()
			want(t, next.taken(), "t/1+4:abcd", "t/5+4:efgh")

			q := open(t, &recorder{}, batching.Config{MaxBytes: 4, BufferBytes: 8, WhenFull: when})
			wantErr(t, q.Publish("t", msg("abcdefghi")), batching.ErrTooLarge)
		})
	}
}

func TestBlockIsFIFOAndObeysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		next := &recorder{fail: g.fail}
		p := open(t, next, letters(batching.Config{MaxMessages: 2, BufferLimit: 2, Acknowledge: batching.Buffered}))
		publish(t, p, "t", "ab")
		for i := range 5 {
			go func() {
				m := msg(fmt.Sprintf("%d%d", i, i))
				if i == 2 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					m.SetContext(ctx)
				}
				began := time.Now()
				err := p.Publish("t", m)
				if i == 2 {
					wantErr(t, err, context.DeadlineExceeded)
					if waited := time.Since(began); waited != time.Second {
						t.Errorf("waited %v", waited)
					}
				} else if err != nil {
					t.Error(i, err)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		g.up.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, next.taken(), "t/1+2:ab", "t/3+2:00", "t/5+2:11", "t/7+2:33", "t/9+2:44")
	})
}

// A small call does not overtake a large one that waits, and goes on when the
// large one gives up.
func TestBlockDoesNotStarveTheLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		next := &recorder{fail: g.fail}
		p := open(t, next, small(batching.Block))
		publish(t, p, "t", "abcdef")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		large := msg("GHI")
		large.SetContext(ctx)
		waits := make(chan error, 2)
		go func() { waits <- p.Publish("t", large) }()
		synctest.Wait()
		go func() { waits <- p.Publish("t", msg("j")) }()
		synctest.Wait()
		if s := p.Stats(); s.Units != 6 || len(waits) != 0 {
			t.Fatalf("%+v with %d calls ended: want both to wait", s, len(waits))
		}
		cancel()
		wantErr(t, <-waits, context.Canceled)
		wantErr(t, <-waits, nil)
		g.up.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, next.taken(), "t/1+4:abcd", "t/5+3:efj")
	})
}
