package intake_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"millrace/http/intake"
)

// BenchmarkOTLP is a request's whole way, from Echo through a subscriber that
// acks at once and back, beside a bare Echo handler that reads the same body.
func BenchmarkOTLP(b *testing.B) {
	for _, size := range []int{200, 200_000} {
		body := bytes.Repeat([]byte("a"), size)
		b.Run(fmt.Sprintf("intake/%d", size), func(b *testing.B) {
			in, e := newIntake(b, intake.Config{Codec: oneLog{}})
			messages, err := in.Subscribe(b.Context(), "requests")
			if err != nil {
				b.Fatal(err)
			}
			go func() {
				for msg := range messages {
					msg.Ack()
				}
			}()
			measure(b, e, body)
			_ = in.Close()
		})
		b.Run(fmt.Sprintf("bare/%d", size), func(b *testing.B) {
			e := echo.New()
			e.POST("/v1/logs", func(c echo.Context) error {
				payload, err := io.ReadAll(c.Request().Body)
				if err != nil || len(payload) != size {
					b.Error(len(payload), err)
				}
				return c.NoContent(http.StatusOK)
			})
			measure(b, e, body)
		})
	}
}

// unread throws an answer away.
type unread struct {
	header http.Header
	status int
}

func (u *unread) Header() http.Header         { return u.header }
func (u *unread) Write(p []byte) (int, error) { return len(p), nil }
func (u *unread) WriteHeader(status int)      { u.status = status }

func measure(b *testing.B, e *echo.Echo, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		reader := bytes.NewReader(body)
		r := httptest.NewRequest(http.MethodPost, "/v1/logs", nil)
		r.Header.Set("Content-Type", "application/x-protobuf")
		w := &unread{header: http.Header{}}
		for pb.Next() {
			reader.Reset(body)
			r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
			clear(w.header)
			e.ServeHTTP(w, r)
			if w.status != http.StatusOK {
				b.Fatal(w.status)
			}
		}
	})
}
