package intake_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/http/intake"
)

func TestWithoutASubscriberClientsAreToldToComeBack(t *testing.T) {
	in, e := newIntake(t, intake.Config{})
	refused := func(why string) {
		t.Helper()
		w := serve(e, request("/api/logs", []byte("{}")))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), why) {
			t.Errorf("answered %d %v %s", w.Code, w.Header(), w.Body)
		}
		if err := in.Check(t.Context()); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("Check says %v", err)
		}
	}
	refused("starting")
	ctx, cancel := context.WithCancel(t.Context())
	messages, err := in.Subscribe(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Subscribe(ctx, "a"); err == nil {
		t.Error("two subscribers at a time")
	}
	if err := in.Check(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	if _, open := <-messages; open {
		t.Error("a message came out of nowhere")
	}
	refused("starting")
	handle(t, in, ack) // another may follow
	if w := serve(e, request("/api/logs", []byte("{}"))); w.Code != http.StatusAccepted {
		t.Errorf("answered %d", w.Code)
	}
	for range 2 {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	refused("stopping")
	if _, err := in.Subscribe(t.Context(), "a"); err == nil {
		t.Error("subscribed to what is closed")
	}
}

// post sends a request of its own accord and returns its status.
func post(ctx context.Context, e http.Handler) <-chan int {
	status := make(chan int, 1)
	go func() {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, request("/api/logs", []byte("{}")).WithContext(ctx))
		status <- w.Code
	}()
	return status
}

func TestCloseWaitsForMessagesAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, e := newIntake(t, intake.Config{})
		messages, err := in.Subscribe(t.Context(), "requests")
		if err != nil {
			t.Fatal(err)
		}
		taken := post(t.Context(), e)
		msg := <-messages
		waiting := post(t.Context(), e) // nobody takes its message
		synctest.Wait()

		closed := make(chan error, 1)
		go func() { closed <- in.Close() }()
		if status := <-waiting; status != http.StatusServiceUnavailable {
			t.Errorf("the one that nobody took: %d", status)
		}
		if status := <-post(t.Context(), e); status != http.StatusServiceUnavailable {
			t.Errorf("a new one: %d", status)
		}
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("Close did not wait for the message")
		case _, open := <-messages:
			t.Fatalf("the channel gave something, open %t", open)
		default:
		}
		msg.Ack()
		if status := <-taken; status != http.StatusAccepted {
			t.Errorf("the one that was acked: %d", status)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if _, open := <-messages; open {
			t.Error("the channel is still open")
		}
	})
}

func TestCloseGivesUpOnWhatIsNeverSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, e := newIntake(t, intake.Config{Timeout: 10 * time.Second})
		messages, err := in.Subscribe(t.Context(), "requests")
		if err != nil {
			t.Fatal(err)
		}
		status := post(t.Context(), e)
		msg := <-messages
		start := time.Now()
		if in.Close() == nil {
			t.Error("no error")
		}
		if took := time.Since(start); took > 11*time.Second {
			t.Errorf("Close took %s", took)
		}
		if msg.Context().Err() == nil {
			t.Error("the message was given up before its context ended")
		}
		if got := <-status; got != http.StatusServiceUnavailable {
			t.Errorf("answered %d", got)
		}
	})
}

// A handler that waits for room is bounded by the message's context.
func TestAMessageLastsAsLongAsItsClientWaits(t *testing.T) {
	for name, leave := range map[string]bool{"the client leaves": true, "the time is over": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, e := newIntake(t, intake.Config{Timeout: 10 * time.Second})
				handle(t, in, func(msg *message.Message) {
					<-msg.Context().Done()
					app.OutcomeFrom(msg.Context()).Fail(msg.Context().Err())
					msg.Nack()
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				status := post(ctx, e)
				synctest.Wait()
				if leave {
					cancel()
				}
				if got := <-status; got != http.StatusServiceUnavailable {
					t.Errorf("answered %d", got)
				}
				if took := time.Since(start); leave && took > 0 || !leave && took != 10*time.Second {
					t.Errorf("it took %s", took)
				}
				if err := in.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A client that leaves does not make the message vanish: its slot stays taken
// until it is settled, and Close waits for it.
func TestAMessageWithoutAClientIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, e := newIntake(t, intake.Config{MaxRequests: 1})
		messages, err := in.Subscribe(t.Context(), "requests")
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		post(ctx, e)
		msg := <-messages
		leave()
		synctest.Wait()
		if status := <-post(t.Context(), e); status != http.StatusServiceUnavailable {
			t.Errorf("a second request: %d", status)
		}
		closed := make(chan error, 1)
		go func() { closed <- in.Close() }()
		synctest.Wait()
		if len(closed) != 0 {
			t.Error("Close did not wait")
		}
		msg.Ack()
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestRequestsAreBoundedInNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		observed := newTally()
		in, e := newIntake(t, intake.Config{MaxRequests: 3, Observer: observed})
		release := make(chan struct{})
		handle(t, in, func(msg *message.Message) { <-release; msg.Ack() })
		var statuses []<-chan int
		for range 5 {
			statuses = append(statuses, post(t.Context(), e))
			synctest.Wait()
		}
		for _, status := range statuses[3:] {
			if got := <-status; got != http.StatusServiceUnavailable {
				t.Errorf("one too many: %d", got)
			}
		}
		close(release)
		for _, status := range statuses[:3] {
			if got := <-status; got != http.StatusAccepted {
				t.Errorf("answered %d", got)
			}
		}
		if observed.refused["busy"] != 2 {
			t.Errorf("observed %v", observed.refused)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Behind Watermill's router, while requests and the end of the router meet:
// what was answered 202 was handled, and the rest was refused.
func TestBehindARouter(t *testing.T) {
	in, e := newIntake(t, intake.Config{})
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	handled := map[string]bool{}
	router.AddConsumerHandler("count", "requests", in, func(msg *message.Message) error {
		mu.Lock()
		defer mu.Unlock()
		handled[msg.UUID] = true
		return nil
	})
	var running sync.WaitGroup
	running.Go(func() {
		if err := router.Run(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	<-router.Running()
	accepted := make(chan string, 10_000)
	for range 4 {
		running.Go(func() {
			for range 2_000 {
				w := serve(e, request("/api/logs", []byte("{}")))
				switch w.Code {
				case http.StatusAccepted:
					accepted <- w.Header().Get("X-Request-ID")
				case http.StatusServiceUnavailable:
					return
				default:
					t.Errorf("answered %d", w.Code)
				}
			}
		})
	}
	for len(accepted) < 100 {
		time.Sleep(time.Millisecond)
	}
	if err := router.Close(); err != nil {
		t.Error(err)
	}
	running.Wait()
	close(accepted)
	for id := range accepted {
		if !handled[id] {
			t.Fatalf("%s was accepted and never handled", id)
		}
	}
}
