package redis_test

import (
	"encoding/json"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/redis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t *testing.T, addr string) *redis.Client {
	t.Helper()
	client := redis.New(app.RedisConfig{Addr: addr, Timeout: 200 * time.Millisecond}, nil)
	t.Cleanup(func() { client.Close() })
	return client
}

func recent(snapshot app.Snapshot, n int) app.RecentLogs {
	logs := app.RecentLogs{Snapshot: snapshot}
	for i := range n {
		logs.Logs = append(logs.Logs, json.RawMessage(`{"message":"`+strconv.Itoa(i)+`"}`))
	}
	return logs
}

func TestRecentLogsComeBackWithTheirSnapshot(t *testing.T) {
	server := miniredis.RunT(t)
	client := newClient(t, server.Addr())
	if _, err := client.Load(t.Context(), 10); app.KindOf(err) != app.KindNotFound {
		t.Fatalf("an empty Redis: %v", err)
	}
	for _, kept := range []app.RecentLogs{recent("1:1:", 3), recent("9:9:", 1000), recent("10:10:", 0)} {
		if err := client.Save(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{0, 1, 2, 1000} {
			got, err := client.Load(t.Context(), limit)
			if err != nil {
				t.Fatal(err)
			}
			if got.Snapshot != kept.Snapshot || len(got.Logs) != min(limit, len(kept.Logs)) {
				t.Errorf("limit %d: snapshot %s, %d logs", limit, got.Snapshot, len(got.Logs))
			}
			for i, log := range got.Logs {
				if string(log) != string(kept.Logs[i]) {
					t.Errorf("log %d is %s, want %s", i, log, kept.Logs[i])
				}
			}
		}
	}
}

func TestARedisThatIsAwayIsNamed(t *testing.T) {
	server := miniredis.RunT(t)
	client := newClient(t, server.Addr())
	if err := client.Check().Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Close()
	for name, err := range map[string]error{
		"load":  func() error { _, err := client.Load(t.Context(), 1); return err }(),
		"save":  client.Save(t.Context(), recent("1:1:", 1)),
		"check": client.Check().Check(t.Context()),
	} {
		if app.KindOf(err) != app.KindUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A Redis that takes connections and never answers must cost no more than the
// timeout allows, or every page would wait for it.
func TestARedisThatHangsIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client := newClient(t, listener.Addr().String())
	done := make(chan error, 1)
	go func() { _, err := client.Load(t.Context(), 1); done <- err }()
	select {
	case err := <-done:
		if app.KindOf(err) != app.KindUnavailable {
			t.Errorf("got %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("still waiting after a hundred times the timeout")
	}
}
