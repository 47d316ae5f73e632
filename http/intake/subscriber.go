package intake

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// errSubscribed is returned to a second subscriber: requests would be shared
// between the two by chance.
var errSubscribed = errors.New("intake: there is a subscriber already")

// errSubscribeClosed is returned to subscribers that come after Close.
var errSubscribeClosed = errors.New("intake: closed")

// subscription is one subscriber's channel.
type subscription struct {
	out     chan *message.Message
	done    chan struct{}  // closed before out: whoever sends gives up
	senders sync.WaitGroup // whoever may send on out
}

// Subscribe returns the channel of requests, one message each; the topic is
// only a name. There is one subscriber at a time. The channel is closed when
// ctx ends, and then another may subscribe, or after Close. A message must be
// acked or nacked, once; a nack is the client's refusal, with the reason that
// was left in the app.Outcome of the message's context, and the message does
// not come again. The message's context ends when the client leaves, or has
// waited for Config.Timeout.
func (in *Intake) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return nil, errSubscribeClosed
	}
	if in.current != nil {
		return nil, errSubscribed
	}
	sub := &subscription{out: make(chan *message.Message), done: make(chan struct{})}
	in.current = sub
	in.subscriptions.Go(func() { in.endWith(ctx, sub) })
	return sub.out, nil
}

// endWith ends a subscription when ctx does, or when Close has seen the last
// message settled.
func (in *Intake) endWith(ctx context.Context, sub *subscription) {
	select {
	case <-ctx.Done():
	case <-in.drained:
	}
	in.mu.Lock() // from here on nobody becomes a sender
	in.current = nil
	in.mu.Unlock()
	close(sub.done)
	sub.senders.Wait()
	close(sub.out)
}

// closeGrace is how much longer Close waits for a message than the message's
// own context lasts.
const closeGrace = time.Second

// Close refuses new requests, and those whose message nobody took yet, waits
// until all messages that were taken are acked or nacked, and closes the
// channel. A message that is not settled when its context has ended is given
// up, with an error: its client is told to send the same again. A second call
// waits for the first.
func (in *Intake) Close() error {
	in.closeOnce.Do(func() {
		in.mu.Lock()
		in.closed = true
		in.mu.Unlock()
		close(in.closing)
		late := time.AfterFunc(in.cfg.Timeout+closeGrace, func() { close(in.abandoned) })
		in.delivering.Wait()
		if !late.Stop() {
			in.closeErr = errors.New("intake: messages were neither acked nor nacked; their clients were told to send them again")
		}
		close(in.drained)
		in.subscriptions.Wait()
	})
	return in.closeErr
}

// Check returns why requests would be refused now, or nil: it makes an
// app.Check of the Intake.
func (in *Intake) Check(context.Context) error {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.notReady()
}

// notReady is called with mu held.
func (in *Intake) notReady() error {
	switch {
	case in.closed:
		return errClosed
	case in.current == nil:
		return errNotReady
	default:
		return nil
	}
}

// deliver hands a message to the subscriber and waits until it is settled. A
// client that leaves ends the message's context and is no reason to lose sight
// of the message: the subscriber settles it all the same.
func (in *Intake) deliver(ctx context.Context, msg *message.Message) error {
	sub, err := in.startDelivery()
	if err != nil {
		return err
	}
	defer in.delivering.Done()
	ctx, cancel := context.WithTimeout(ctx, in.cfg.Timeout)
	defer cancel()
	ctx, outcome := app.WithOutcome(ctx)
	msg.SetContext(ctx)
	if err := in.send(ctx, sub, msg); err != nil {
		return err
	}
	select {
	case <-msg.Acked():
		return nil
	case <-msg.Nacked():
		return refusal(outcome.Err())
	case <-in.abandoned:
		return errClosed
	}
}

// startDelivery makes its caller known as a sender to the subscription, and to
// Close as one to wait for.
func (in *Intake) startDelivery() (*subscription, error) {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if err := in.notReady(); err != nil {
		return nil, err
	}
	in.delivering.Add(1)
	in.current.senders.Add(1)
	return in.current, nil
}

// send waits until the subscriber takes the message.
func (in *Intake) send(ctx context.Context, sub *subscription, msg *message.Message) error {
	defer sub.senders.Done()
	select {
	case sub.out <- msg:
		return nil
	case <-ctx.Done():
		return refusal(ctx.Err())
	case <-sub.done:
		return errNotReady
	case <-in.closing:
		return errClosed
	}
}
