package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

const (
	// failures in a row are taken to mean that Redis is away.
	failures = 3
	// pause is how long nobody waits for it then, before one tries again.
	pause = time.Second
)

// newBreaker returns what lets questions through to Redis while it answers: were
// each to wait for a Redis that is away, each would take its timeout.
func newBreaker() *gobreaker.CircuitBreaker[struct{}] {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     pause,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failures },
		// No value is an answer; and who asked may have left.
		IsSuccessful: func(err error) bool {
			return err == nil || errors.Is(err, redis.Nil) || errors.Is(err, context.Canceled)
		},
	})
}

// ask puts a question to Redis, or fails at once while Redis is away. redis.Nil
// comes back as it is.
func (c *Client) ask(ctx context.Context, question func() error) error {
	_, err := c.breaker.Execute(func() (struct{}, error) { return struct{}{}, question() })
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return unavailable(err)
	}
}
