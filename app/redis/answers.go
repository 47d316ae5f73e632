package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"millrace/app"
)

// Get implements app.AnswerStore.
func (c *Client) Get(ctx context.Context, key string) (value []byte, err error) {
	err = c.ask(ctx, func() error {
		value, err = c.rdb.Get(ctx, key).Bytes()
		return err
	})
	if errors.Is(err, redis.Nil) {
		return nil, app.Errorf(app.KindNotFound, "Redis has no %s", key)
	}
	return value, err
}

// Set implements app.AnswerStore.
func (c *Client) Set(ctx context.Context, key string, value []byte, life time.Duration) error {
	return c.ask(ctx, func() error { return c.rdb.Set(ctx, key, value, life).Err() })
}

// Lock implements app.AnswerStore. The lock has the client's own mark.
func (c *Client) Lock(ctx context.Context, key string, life time.Duration) (locked bool, err error) {
	err = c.ask(ctx, func() error {
		err := c.rdb.SetArgs(ctx, key, c.mark, redis.SetArgs{Mode: "NX", TTL: life}).Err()
		if errors.Is(err, redis.Nil) {
			return nil // somebody has it
		}
		locked = err == nil
		return err
	})
	return locked, err
}

// unlock deletes a lock if it still is whose it was: one that has run out may be
// another's by now.
var unlock = redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`)

// Unlock implements app.AnswerStore.
func (c *Client) Unlock(ctx context.Context, key string) error {
	return c.ask(ctx, func() error { return unlock.Run(ctx, c.rdb, []string{key}, c.mark).Err() })
}
