package redis

import (
	"context"
	"crypto/rand"
	"encoding/json"

	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel/trace"

	"millrace/app"
)

// recentKey is a list: the snapshot, then the logs, newest first, each as one
// JSON object. One key and one command keep the two together.
const recentKey = "millrace:recent"

// Client is a connection pool to one Redis. Safe for concurrent use.
type Client struct {
	rdb     *redis.Client
	breaker *gobreaker.CircuitBreaker[struct{}]
	mark    string // whose locks these are
}

// New returns a Client. It connects when it is first used. Its commands are
// traced if tracing is not nil.
func New(cfg app.RedisConfig, tracing trace.TracerProvider) *Client {
	logging.Disable() // what it writes to standard error, it returns as well
	rdb := redis.NewClient(&redis.Options{
		Addr:     cfg.Addr,
		Password: cfg.Password,
		// go-redis ignores a context's deadline unless it is told not to.
		ContextTimeoutEnabled: true,
		DialTimeout:           cfg.Timeout,
		ReadTimeout:           cfg.Timeout,
		WriteTimeout:          cfg.Timeout,
		PoolTimeout:           cfg.Timeout,
		// Failing at once is better than trying again: PostgreSQL is there.
		MaxRetries:      -1,
		DialerRetries:   1,
		DisableIdentity: true,
	})
	if tracing != nil {
		// A statement would hold the logs themselves.
		err := redisotel.InstrumentTracing(rdb, redisotel.WithTracerProvider(tracing),
			redisotel.WithDBStatement(false), redisotel.WithCallerEnabled(false), redisotel.WithDialFilter(true))
		if err != nil {
			panic(err) // it knows this kind of client
		}
	}
	return &Client{rdb: rdb, breaker: newBreaker(), mark: rand.Text()}
}

// Close closes the pool.
func (c *Client) Close() error { return c.rdb.Close() }

// Load implements app.RecentCache.
func (c *Client) Load(ctx context.Context, limit int) (app.RecentLogs, error) {
	var kept []string
	err := c.ask(ctx, func() (err error) {
		kept, err = c.rdb.LRange(ctx, recentKey, 0, int64(limit)).Result()
		return err
	})
	if err != nil {
		return app.RecentLogs{}, err
	}
	if len(kept) == 0 {
		return app.RecentLogs{}, app.Errorf(app.KindNotFound, "Redis keeps no recent logs yet")
	}
	logs := app.RecentLogs{Snapshot: app.Snapshot(kept[0]), Logs: make([]json.RawMessage, len(kept)-1)}
	for i, log := range kept[1:] {
		logs.Logs[i] = json.RawMessage(log)
	}
	return logs, nil
}

// Save implements app.RecentCache.
func (c *Client) Save(ctx context.Context, logs app.RecentLogs) error {
	values := make([]any, 0, len(logs.Logs)+1)
	values = append(values, string(logs.Snapshot))
	for _, log := range logs.Logs {
		values = append(values, []byte(log))
	}
	return c.ask(ctx, func() error {
		_, err := c.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, recentKey)
			p.RPush(ctx, recentKey, values...)
			return nil
		})
		return err
	})
}

// Check returns a check that Redis answers. It asks Redis itself, whatever the
// breaker has made of it.
func (c *Client) Check() app.Check {
	return app.CheckFunc("redis", func(ctx context.Context) error {
		if err := c.rdb.Ping(ctx).Err(); err != nil {
			return unavailable(err)
		}
		return nil
	})
}

func unavailable(err error) error {
	return app.Errorf(app.KindUnavailable, "Redis does not answer (setting redis-addr): %w", err)
}
