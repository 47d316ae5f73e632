package routers_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/handlers"
	"millrace/middleware/batching"
	"millrace/routers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() routers.Config {
	return routers.Config{
		Registry: prometheus.NewRegistry(), Logger: watermill.NopLogger{},
		CloseTimeout: 10 * time.Second, MaxRetries: 3,
	}
}

// start runs a router until the test ends.
func start(t *testing.T, router *message.Router, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.Background()) }()
	<-router.Running()
	t.Cleanup(func() {
		if err := errors.Join(router.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
}

func newChannel(t *testing.T) *gochannel.GoChannel {
	t.Helper()
	channel := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
	t.Cleanup(func() { channel.Close() })
	return channel
}

// bytesCodec reads payloads in which each byte is a log; "garbage" is none.
type bytesCodec struct{}

func (bytesCodec) Count(payload []byte) (int, error) {
	if string(payload) == "garbage" {
		return 0, app.Errorf(app.KindInvalid, "these bytes are no batch")
	}
	return len(payload), nil
}

func (bytesCodec) Logs([]byte, time.Time) iter.Seq2[*app.Log, error] {
	return func(func(*app.Log, error) bool) {}
}

func (bytesCodec) One(payload []byte, place int) ([]byte, error) {
	return payload[place : place+1], nil
}

// storeFunc is a store made of a function.
type storeFunc func(app.Batch) error

func (f storeFunc) Store(_ context.Context, batch app.Batch) (app.Receipt, error) {
	return app.Receipt{Stored: batch.Count}, f(batch)
}

func batch(payload string) *message.Message {
	msg := message.NewMessage(payload, []byte(payload))
	msg.Metadata = message.Metadata{app.MetaTopic: app.TopicLogs, app.MetaPartition: "0", app.MetaOffset: "0"}
	return msg
}

func receive(t *testing.T, from <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case msg := <-from:
		msg.Ack()
		return msg
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		return nil
	}
}

func TestConsumerSetsAsideWhatIsHopelessAndGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		reason  string
		store   func(app.Batch) error
	}{
		"bytes that are no batch": {"garbage", app.ReasonInvalid, nil},
		"a batch that PostgreSQL will never take": {"refused", app.ReasonInvalid, func(b app.Batch) error {
			if b.Count == len("refused") {
				return app.Errorf(app.KindInvalid, "refused for good")
			}
			return nil
		}},
		"a batch that makes us panic": {"panic!", app.ReasonPanic, func(b app.Batch) error {
			if b.Count == len("panic!") {
				panic("out of range")
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			kafka := newChannel(t)
			stored := make(chan int, 10)
			store := storeFunc(func(b app.Batch) error {
				if c.store != nil {
					if err := c.store(b); err != nil {
						return err
					}
				}
				stored <- b.Count
				return nil
			})
			poison, err := kafka.Subscribe(t.Context(), app.TopicPoison)
			if err != nil {
				t.Fatal(err)
			}
			router, err := routers.Consumer(config(), kafka, handlers.NewStore(bytesCodec{}, store, nil), kafka)
			start(t, router, err)
			if err := kafka.Publish(app.TopicLogs, batch(c.payload), batch("ok")); err != nil {
				t.Fatal(err)
			}
			aside := receive(t, poison)
			if string(aside.Payload) != c.payload || aside.Metadata.Get(middleware.ReasonForPoisonedKey) == "" || aside.Metadata.Get(middleware.PoisonedHandlerKey) != "store" {
				t.Errorf("set aside: %s %v", aside.Payload, aside.Metadata)
			}
			if aside.Metadata.Get(app.MetaStage) != app.StageStore || aside.Metadata.Get(app.MetaReason) != c.reason {
				t.Errorf("set aside for %v", aside.Metadata)
			}
			if n := <-stored; n != len("ok") {
				t.Errorf("stored %d logs", n)
			}
		})
	}
}

func TestConsumerTriesAgainWhatMayPass(t *testing.T) {
	kafka := newChannel(t)
	var tries atomic.Int32
	stored := make(chan struct{})
	store := storeFunc(func(app.Batch) error {
		// More failures than one round of retries: the batch is handed back
		// to Kafka and comes again.
		if tries.Add(1) <= 6 {
			return app.Errorf(app.KindUnavailable, "connection refused")
		}
		close(stored)
		return nil
	})
	poison, err := kafka.Subscribe(t.Context(), app.TopicPoison)
	if err != nil {
		t.Fatal(err)
	}
	router, err := routers.Consumer(config(), kafka, handlers.NewStore(bytesCodec{}, store, nil), kafka)
	start(t, router, err)
	if err := kafka.Publish(app.TopicLogs, batch("abc")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-stored:
	case msg := <-poison:
		t.Fatalf("set aside: %s", msg.Metadata.Get(middleware.ReasonForPoisonedKey))
	case <-time.After(30 * time.Second):
		t.Fatalf("given up after %d tries", tries.Load())
	}
}

// What is logged of a try that failed names the trace of its message.
func TestATryThatFailedIsLoggedInItsTrace(t *testing.T) {
	kafka := newChannel(t)
	var logged bytes.Buffer // of errors, of which there is one before the batch is stored
	cfg := config()
	cfg.Logger = watermill.NewSlogLogger(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelError})))
	cfg.Tracing = sdktrace.NewTracerProvider()
	var tries atomic.Int32
	stored := make(chan string, 1)
	store := inContextFunc(func(ctx context.Context) error {
		if tries.Add(1) == 1 {
			return app.Errorf(app.KindUnavailable, "connection refused")
		}
		stored <- trace.SpanContextFromContext(ctx).TraceID().String()
		return nil
	})
	router, err := routers.Consumer(cfg, kafka, handlers.NewStore(bytesCodec{}, store, nil), kafka)
	start(t, router, err)
	if err := kafka.Publish(app.TopicLogs, batch("abc")); err != nil {
		t.Fatal(err)
	}
	if id := <-stored; !strings.Contains(logged.String(), "trace_id="+id) || !strings.Contains(logged.String(), "connection refused") {
		t.Errorf("in trace %s is logged %s", id, logged.String())
	}
}

// inContextFunc is a store made of a function that is told the context.
type inContextFunc func(context.Context) error

func (f inContextFunc) Store(ctx context.Context, batch app.Batch) (app.Receipt, error) {
	return app.Receipt{Stored: batch.Count}, f(ctx)
}

// keeperFunc is a quarantine made of a function.
type keeperFunc func(app.PoisonRecord) error

func (f keeperFunc) Keep(_ context.Context, r app.PoisonRecord) (app.KeptPoison, error) {
	return app.KeptPoison{Fresh: true}, f(r)
}

// The quarantine is the end of the way: whatever fails is tried again, in order.
func TestQuarantineTriesEverythingAgain(t *testing.T) {
	kafka := newChannel(t)
	var tries atomic.Int32
	kept := make(chan string, 2)
	keeper := keeperFunc(func(r app.PoisonRecord) error {
		switch tries.Add(1) {
		case 1:
			return app.Errorf(app.KindUnavailable, "connection refused")
		case 2:
			panic("out of range")
		case 3, 4, 5, 6, 7: // more than one round of retries
			return app.Errorf(app.KindInvalid, "refused for good")
		}
		kept <- string(r.Payload)
		return nil
	})
	router, err := routers.Quarantine(config(), kafka, handlers.NewQuarantine(bytesCodec{}, keeper, nil))
	start(t, router, err)
	if err := kafka.Publish(app.TopicPoison, batch("garbage")); err != nil {
		t.Fatal(err)
	}
	select {
	case payload := <-kept:
		if payload != "garbage" {
			t.Errorf("kept %s", payload)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("given up after %d tries", tries.Load())
	}
}

// publisherFunc is a publisher made of a function.
type publisherFunc func() error

func (f publisherFunc) Publish(string, ...*message.Message) error { return f() }
func (publisherFunc) Close() error                                { return nil }

func TestShipperTellsTheClientWhy(t *testing.T) {
	for name, c := range map[string]struct {
		publish error
		want    app.Kind
	}{
		"full":      {batching.ErrFull, app.KindFull},
		"too large": {batching.ErrTooLarge, app.KindTooLarge},
		"closed":    {batching.ErrClosed, app.KindUnavailable},
		"a bug":     {errors.New("boom"), app.KindInternal},
	} {
		t.Run(name, func(t *testing.T) {
			router, err := routers.Shipper(config(), oneMessage(t, func(msg *message.Message, waiting *app.Outcome) {
				select {
				case <-msg.Nacked():
				case <-time.After(20 * time.Second):
					t.Error("not nacked")
				}
				if err := waiting.Err(); app.KindOf(err) != c.want {
					t.Errorf("got %v of kind %v, want %v", err, app.KindOf(err), c.want)
				}
			}), handlers.NewShip(publisherFunc(func() error { return c.publish })))
			start(t, router, err)
		})
	}
}

// oneMessage is a subscriber that hands out one message and then ends; check
// is called with it.
func oneMessage(t *testing.T, check func(*message.Message, *app.Outcome)) message.Subscriber {
	return subscriberFunc(func() <-chan *message.Message {
		out := make(chan *message.Message)
		go func() {
			defer close(out)
			msg := message.NewMessage("1", []byte("x"))
			ctx, waiting := app.WithOutcome(t.Context())
			msg.SetContext(ctx)
			out <- msg
			check(msg, waiting)
		}()
		return out
	})
}

type subscriberFunc func() <-chan *message.Message

func (f subscriberFunc) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return f(), nil
}
func (subscriberFunc) Close() error { return nil }
