package batching_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

func TestCountOfZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next, saw := &recorder{}, newWatcher()
		p := open(t, next, letters(batching.Config{MaxMessages: 2, Observer: saw}))
		if err := p.Publish("t"); err != nil {
			t.Fatal(err)
		}
		publish(t, p, "t", "", "") // returns at once: there is nothing to wait for
		want(t, saw.saw("taken", "flushed"))
		publish(t, p, "t", "", "a", "", "b")
		want(t, next.taken(), "t/1+2:ab")
		want(t, saw.saw("taken"), "0s taken t 2")
	})
}

func TestCountRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		count func(*message.Message) (int, error)
		want  error
	}{
		"an error":   {func(*message.Message) (int, error) { return 1, errBad }, errBad},
		"less units": {func(*message.Message) (int, error) { return -1, nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := &recorder{}
				cfg := batching.Config{Count: func(m *message.Message) (int, error) {
					if string(m.Payload) == "odd" {
						return c.count(m)
					}
					return 1, nil
				}}
				p := open(t, next, cfg)
				odd := message.NewMessage("the-odd-one", []byte("odd"))
				done := publishing(p, "t", odd)
				r := <-done
				if r.err == nil || r.took != 0 || (c.want != nil && !errors.Is(r.err, c.want)) || !strings.Contains(r.err.Error(), "the-odd-one") {
					t.Errorf("%v after %v", r.err, r.took)
				}
				if err := p.Publish("t", msg("even"), odd); err == nil {
					t.Error("a call with a message that cannot be counted was taken")
				}
				wantEmpty(t, p) // all or none
				want(t, next.taken())
			})
		})
	}
}
