package batching_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

func TestCloseFlushesThenCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{}
		next.fail = func(string, []*message.Message) error {
			if next.closed > 0 {
				t.Error("published after Close")
			}
			time.Sleep(time.Second)
			return nil
		}
		p := open(t, next, letters(batching.Config{MaxMessages: 4, BufferLimit: 100, Acknowledge: batching.Buffered}))
		publish(t, p, "t", "abcdef")
		publish(t, p, "u", "1")
		began := time.Now()
		for range 3 { // again and again: the same, at once
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 2*time.Second {
				t.Fatalf("closed after %v", took)
			}
		}
		if got := next.taken(); len(got) != 3 || next.closed != 1 {
			t.Fatalf("%v, closed %d times", got, next.closed)
		}
		wantErr(t, p.Publish("t", msg("x")), batching.ErrClosed)
	})
}

// Real time: sync.Once is none of what a synctest bubble can wait for.
func TestConcurrentClose(t *testing.T) {
	next := &recorder{closeErr: errBad}
	p, err := batching.New(next, letters(batching.Config{Acknowledge: batching.Buffered}))
	if err != nil {
		t.Fatal(err)
	}
	publish(t, p, "t", "abc")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := p.Close(); !errors.Is(err, errBad) || err.Error() != "batching: closing the next publisher: bad" {
				t.Error(err)
			}
			if got := next.taken(); len(got) != 1 {
				t.Errorf("Close returned before the flush: %v", got)
			}
		})
	}
	group.Wait()
	if next.closed != 1 {
		t.Errorf("closed %d times", next.closed)
	}
	wantEmpty(t, p)
}

func TestCloseDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		next := &recorder{fail: g.fail, closeErr: errBad}
		p, err := batching.New(next, letters(batching.Config{MaxMessages: 4, BufferLimit: 100, CloseTimeout: time.Minute}))
		if err != nil {
			t.Fatal(err)
		}
		calls := []<-chan result{publishing(p, "t", msg("abcdef")), publishing(p, "u", msg("123"))}
		time.Sleep(time.Hour)
		began := time.Now()
		err = p.Close()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("closed after %v", took)
		}
		wantErr(t, err, batching.ErrNotFlushed)
		wantErr(t, err, errBad) // of the next publisher's Close
		if !strings.Contains(err.Error(), "map[t:6 u:3]") {
			t.Errorf("Close: %v", err)
		}
		for _, call := range calls {
			wantErr(t, (<-call).err, batching.ErrNotFlushed)
		}
		if next.closed != 1 {
			t.Errorf("closed %d times", next.closed)
		}
		want(t, next.taken())
		wantEmpty(t, p)
	})
}

// Once the deadline is over nothing more is tried: neither would Close end in
// time, nor the topic keep its order.
func TestNothingIsTriedAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tried []string
		next := &recorder{fail: func(_ string, msgs []*message.Message) error {
			time.Sleep(10 * time.Second)
			tried = append(tried, string(msgs[0].Payload))
			if len(tried) == 1 {
				return errDown
			}
			return nil
		}}
		p, err := batching.New(next, letters(batching.Config{MaxMessages: 2, BufferLimit: 100, CloseTimeout: 9 * time.Second, Acknowledge: batching.Buffered}))
		if err != nil {
			t.Fatal(err)
		}
		publish(t, p, "t", "abcdefgh")
		synctest.Wait()
		began := time.Now()
		err = p.Close()
		if took := time.Since(began); took != 10*time.Second { // the call under way cannot be ended
			t.Errorf("closed after %v", took)
		}
		want(t, tried, "1+2:ab")
		if err == nil || !strings.Contains(err.Error(), "map[t:8]") {
			t.Errorf("Close: %v", err)
		}
		wantEmpty(t, p)
	})
}

func TestCloseEndsThoseWhoWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		next := &recorder{fail: g.fail}
		p := open(t, next, small(batching.Block))
		publish(t, p, "t", "abcdefgh")
		var calls []<-chan result
		for range 3 {
			calls = append(calls, publishing(p, "t", msg("1")))
		}
		go func() {
			time.Sleep(time.Second)
			g.up.Store(true)
		}()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		for _, call := range calls {
			if r := <-call; r.took != 0 || !errors.Is(r.err, batching.ErrClosed) {
				t.Errorf("%v after %v", r.err, r.took)
			}
		}
		want(t, next.taken(), "t/1+4:abcd", "t/5+4:efgh")
	})
}

// lateContext is a context whose Done returns when it is let, so that whoever
// asks for it is held up there.
type lateContext struct {
	context.Context
	let chan struct{}
}

func (c lateContext) Done() <-chan struct{} { <-c.let; return c.Context.Done() }

// A call that got room, and then was so slow that Close was done before it went
// on, is refused: nobody would flush what it hands over.
func TestCloseBetweenRoomAndTaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		next := &recorder{}
		next.fail = func(topic string, msgs []*message.Message) error {
			if next.closed > 0 {
				t.Error("published after Close")
			}
			return g.fail(topic, msgs)
		}
		p := open(t, next, small(batching.Block))
		publish(t, p, "t", "abcdefgh")
		ctx := lateContext{t.Context(), make(chan struct{})}
		late := msg("late")
		late.SetContext(ctx)
		call := publishing(p, "t", late)
		g.up.Store(true)
		time.Sleep(time.Minute) // there is room for it now
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		close(ctx.let)
		wantErr(t, (<-call).err, batching.ErrClosed)
		want(t, next.taken(), "t/1+4:abcd", "t/5+4:efgh")
	})
}

func TestConfigIsValidated(t *testing.T) {
	for name, cfg := range map[string]batching.Config{
		"MaxMessages":  {MaxMessages: -1},
		"MaxDelay":     {MaxDelay: -1},
		"MaxBytes":     {MaxBytes: -1},
		"BufferLimit":  {MaxMessages: 5, BufferLimit: 4},
		"BufferBytes":  {MaxBytes: 5, BufferBytes: 4},
		"WhenFull":     {WhenFull: batching.Drop + 1},
		"Acknowledge":  {Acknowledge: -1},
		"RetryMin":     {RetryMin: time.Hour},
		"CloseTimeout": {CloseTimeout: -1},
	} {
		if _, err := batching.New(&recorder{}, cfg); err == nil || !strings.HasPrefix(err.Error(), "batching: "+name+" is ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := batching.New(&recorder{}, batching.Config{MaxDelay: -1, CloseTimeout: -1})
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("both are to be named: %v", err)
	}
	p := open(t, &recorder{}, batching.Config{})
	if got := fmt.Sprint(p); got != "batching.Publisher" {
		t.Error(got)
	}
}
