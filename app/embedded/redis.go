package embedded

import (
	"context"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// RedisConfig configures the embedded Redis.
type RedisConfig struct {
	Port int // 0: 6379, or a free one when that is taken
}

// Redis is a cache in this process. It begins empty.
type Redis struct {
	server *miniredis.Miniredis
	stop   context.CancelFunc
	clock  sync.WaitGroup
}

// redisTick is how often the keys of the embedded Redis grow older: its clock
// stands still unless it is moved.
const redisTick = time.Second

// StartRedis starts a Redis that runs until it is closed.
func StartRedis(cfg RedisConfig) (*Redis, error) {
	port, err := pickPort(cfg.Port, 6379, "embedded-redis-port", "redis-addr")
	if err != nil {
		return nil, err
	}
	r := &Redis{server: miniredis.NewMiniRedis()}
	if err := r.server.StartAddr(address(port)); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.clock.Go(func() { r.age(ctx) })
	return r, nil
}

func (r *Redis) age(ctx context.Context) {
	tick := time.NewTicker(redisTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.server.FastForward(redisTick)
		case <-ctx.Done():
			return
		}
	}
}

// Addr returns the address it listens on.
func (r *Redis) Addr() string { return r.server.Addr() }

// Close stops it. What it held is gone.
func (r *Redis) Close() error {
	r.stop()
	r.clock.Wait()
	r.server.Close()
	return nil
}
