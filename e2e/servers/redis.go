package servers

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Redis is a real Redis that keeps nothing on disk.
type Redis struct {
	*Process
	Addr string
}

// StartRedis starts a Redis in a folder.
func StartRedis(ctx context.Context, dir string) (*Redis, error) {
	program, err := find("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	client := redis.NewClient(&redis.Options{Addr: r.Addr, MaxRetries: -1})
	r.Process = &Process{
		name: "Redis", log: filepath.Join(dir, "redis.log"),
		command: func() *exec.Cmd {
			return exec.Command(program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
		},
		ready: func(ctx context.Context) error { return client.Ping(ctx).Err() },
	}
	return r, r.start(ctx)
}
