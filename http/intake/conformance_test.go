package intake_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/labstack/echo/v4"

	"millrace/http/intake"
)

// oneLog counts every payload as one log, as Watermill's tests send empty ones.
type oneLog struct{ fakeCodec }

func (oneLog) Count([]byte) (int, error) { return 1, nil }

// patientClients is a Publisher made of HTTP clients: each message is a
// request of its own, sent again for as long as it is answered 503, as clients
// do that mean to lose nothing.
type patientClients struct {
	server  *echo.Echo
	leave   context.CancelFunc
	ctx     context.Context
	clients sync.WaitGroup
}

func (p *patientClients) Publish(_ string, messages ...*message.Message) error {
	for _, msg := range messages {
		p.clients.Go(func() {
			for p.ctx.Err() == nil {
				r := request("/v1/logs", msg.Payload, "Content-Type", "application/x-protobuf", "X-Request-ID", msg.UUID)
				if serve(p.server, r.WithContext(p.ctx)).Code == http.StatusOK {
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	return nil
}

func (p *patientClients) Close() error {
	p.leave()
	return nil
}

// Watermill's own tests, as far as they are about what intake promises. Left
// out are those that want metadata to pass unchanged, more than one subscriber
// at a time, or messages kept while there is no Intake: HTTP clients keep them.
func TestWatermillsTestsPass(t *testing.T) {
	construct := func(t *testing.T) (message.Publisher, message.Subscriber) {
		in, e := newIntake(t, intake.Config{Codec: oneLog{}, Timeout: 100 * time.Millisecond})
		clients := &patientClients{server: e}
		clients.ctx, clients.leave = context.WithCancel(context.WithoutCancel(t.Context()))
		t.Cleanup(func() {
			clients.leave()
			clients.clients.Wait()
		})
		return clients, unsettledIsFine{in}
	}
	for name, test := range map[string]func(*testing.T, tests.TestContext, tests.PubSubConstructor){
		"ResendOnError": tests.TestResendOnError,
		"MessageCtx":    tests.TestMessageCtx,
		"SubscribeCtx":  tests.TestSubscribeCtx,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, tests.TestContext{TestID: tests.NewTestID()}, construct)
		})
	}
}

// unsettledIsFine lets Close pass without the ack that TestMessageCtx never
// gives.
type unsettledIsFine struct{ *intake.Intake }

func (u unsettledIsFine) Close() error {
	_ = u.Intake.Close()
	return nil
}
