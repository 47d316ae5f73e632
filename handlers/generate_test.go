package handlers_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/handlers"
)

type oneLog struct{}

func (oneLog) Next(now time.Time) app.Log { return app.Log{Time: now, Level: app.LevelInfo} }

type counter struct{ n atomic.Int64 }

func (c *counter) Publish(_ string, messages ...*message.Message) error {
	c.n.Add(int64(len(messages)))
	return nil
}
func (*counter) Close() error { return nil }

func TestGenerateKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to counter
		generate := handlers.NewGenerate(oneLog{}, &to, 10, nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- generate.Run(ctx) }()
		for _, step := range []struct {
			rate    float64
			seconds int
		}{{10, 60}, {10_000, 10}, {0, 30}, {0.5, 60}, {333, 30}} {
			generate.SetRate(step.rate)
			synctest.Wait()
			before := to.n.Load()
			time.Sleep(time.Duration(step.seconds) * time.Second)
			synctest.Wait()
			got, want := float64(to.n.Load()-before), step.rate*float64(step.seconds)
			if got < want*0.99-1 || got > want*1.01+1 {
				t.Errorf("%v logs/s for %d s made %v logs", step.rate, step.seconds, got)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// blocked is a publisher that blocks for a minute, once.
type blocked struct {
	counter
	done atomic.Bool
}

func (b *blocked) Publish(topic string, messages ...*message.Message) error {
	if !b.done.Swap(true) {
		time.Sleep(time.Minute)
	}
	return b.counter.Publish(topic, messages...)
}

func TestGenerateDoesNotMakeUpForAnOutageInOneBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to blocked
		generate := handlers.NewGenerate(oneLog{}, &to, 100, nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- generate.Run(ctx) }()
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if n := to.n.Load(); n < 900 || n > 1200 {
			t.Errorf("%d logs in the 10 s after a minute's outage: want about 1000", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
