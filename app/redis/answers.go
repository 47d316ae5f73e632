package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"millrace/app"
)

// A key's lock is a key beside it, whose value is the mark of the client that has
// it. Each of these is one round trip.
var (
	claim = redis.NewScript(`local value = redis.call("GET", KEYS[1])
		if value then return value end
		if redis.call("SET", KEYS[2], ARGV[1], "NX", "PX", ARGV[2]) then return 1 end
		return 0`)
	put = redis.NewScript(`redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
		if redis.call("GET", KEYS[2]) == ARGV[1] then redis.call("DEL", KEYS[2]) end
		return 0`)
	unlock = redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`)
)

func lockOf(key string) string { return key + ":lock" }

// Claim implements app.AnswerStore. The lock has the client's own mark.
func (c *Client) Claim(ctx context.Context, key string, life time.Duration) (value []byte, locked bool, err error) {
	var got any
	err = c.ask(ctx, func() error {
		got, err = claim.Run(ctx, c.rdb, []string{key, lockOf(key)}, c.mark, life.Milliseconds()).Result()
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if value, ok := got.(string); ok {
		return []byte(value), false, nil
	}
	return nil, got == int64(1), app.Errorf(app.KindNotFound, "Redis has no %s", key)
}

// Lock implements app.AnswerStore.
func (c *Client) Lock(ctx context.Context, key string, life time.Duration) (locked bool, err error) {
	err = c.ask(ctx, func() error {
		err := c.rdb.SetArgs(ctx, lockOf(key), c.mark, redis.SetArgs{Mode: "NX", TTL: life}).Err()
		if errors.Is(err, redis.Nil) {
			return nil // somebody has it
		}
		locked = err == nil
		return err
	})
	return locked, err
}

// Put implements app.AnswerStore.
func (c *Client) Put(ctx context.Context, key string, value []byte, life time.Duration) error {
	return c.ask(ctx, func() error {
		return put.Run(ctx, c.rdb, []string{key, lockOf(key)}, c.mark, value, life.Milliseconds()).Err()
	})
}

// Unlock implements app.AnswerStore. A lock of somebody else's stays.
func (c *Client) Unlock(ctx context.Context, key string) error {
	return c.ask(ctx, func() error { return unlock.Run(ctx, c.rdb, []string{lockOf(key)}, c.mark).Err() })
}
