package handlers

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// Generator makes one log after another.
type Generator interface {
	Next(now time.Time) app.Log
}

// Generate publishes logs at a rate that may be changed at any time.
type Generate struct {
	logs    Generator
	to      message.Publisher
	count   func(n int)
	rate    atomic.Pointer[float64]
	changed chan struct{} // holds one signal
}

// generateTick is the pace at high rates: several logs at each tick.
const generateTick = 10 * time.Millisecond

// NewGenerate returns a Generate that publishes to a publisher, a message for
// each log, whose payload is the log in JSON. count is told how many were
// made; it may be nil.
func NewGenerate(logs Generator, to message.Publisher, rate float64, count func(n int)) *Generate {
	if count == nil {
		count = func(int) {}
	}
	g := &Generate{logs: logs, to: to, count: count, changed: make(chan struct{}, 1)}
	g.SetRate(rate)
	return g
}

// Rate returns the rate, in logs a second.
func (g *Generate) Rate() float64 { return *g.rate.Load() }

// SetRate changes the rate at once. 0 pauses. Safe for concurrent use.
func (g *Generate) SetRate(rate float64) {
	g.rate.Store(&rate)
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// Run makes logs until ctx ends, or publishing fails for another reason. The
// rate is kept over time: a publisher that blocks for a while is not made up
// for in one burst.
func (g *Generate) Run(ctx context.Context) error {
	began, made := time.Now(), 0.0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.changed:
			began, made = time.Now(), 0
		case <-timer.C:
		}
		rate := g.Rate()
		if rate <= 0 {
			timer.Stop()
			continue
		}
		due := time.Since(began).Seconds()*rate - made
		if due > max(rate, 2) { // more than a second behind: what blocked us is forgiven
			began, made, due = time.Now(), 0, 0
		}
		if n := int(due); n > 0 {
			if err := g.publish(ctx, n); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			made += float64(n)
		}
		next := began.Add(time.Duration((made + 1) / rate * float64(time.Second)))
		timer.Reset(max(time.Until(next), min(generateTick, time.Duration(float64(time.Second)/rate))))
	}
}

func (g *Generate) publish(ctx context.Context, n int) error {
	messages := make([]*message.Message, n)
	for i := range messages {
		log := g.logs.Next(time.Now())
		messages[i] = message.NewMessage(watermill.NewULID(), log.AppendJSON(nil))
		messages[i].SetContext(ctx)
	}
	g.count(n)
	return g.to.Publish(app.TopicLogs, messages...)
}
