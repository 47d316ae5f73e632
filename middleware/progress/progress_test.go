package progress_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/goleak"

	"millrace/middleware/progress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow is a publisher that takes its time.
type slow struct{ takes time.Duration }

func (s slow) Publish(string, ...*message.Message) error { time.Sleep(s.takes); return nil }
func (slow) Close() error                                { return nil }

func TestWorkThatStopsIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := progress.New(time.Minute)
		quick := w.Handler(func(*message.Message) ([]*message.Message, error) { time.Sleep(50 * time.Second); return nil, nil })
		stuck := w.Publisher(slow{3 * time.Minute})
		if err := w.Check(t.Context()); err != nil {
			t.Errorf("without work: %v", err)
		}
		for range 5 { // one after another, they may take as long as they like
			go func() { _, _ = quick(message.NewMessage("1", nil)) }()
			time.Sleep(55 * time.Second)
			if err := w.Check(t.Context()); err != nil {
				t.Errorf("with work that ends: %v", err)
			}
		}
		go func() { _ = stuck.Publish("logs") }()
		time.Sleep(59 * time.Second)
		if err := w.Check(t.Context()); err != nil {
			t.Errorf("before the limit: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := w.Check(t.Context()); err == nil {
			t.Error("work that stopped goes unnoticed")
		}
		time.Sleep(3 * time.Minute)
		if err := w.Check(t.Context()); err != nil {
			t.Errorf("once it is over: %v", err)
		}
	})
}

func TestAPanicIsAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := progress.New(time.Minute)
		func() {
			defer func() { _ = recover() }()
			_, _ = w.Handler(func(*message.Message) ([]*message.Message, error) { panic("no") })(message.NewMessage("1", nil))
		}()
		time.Sleep(time.Hour)
		if err := w.Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
