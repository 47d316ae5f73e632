package redis_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"millrace/app"
	"millrace/app/redis/answertest"
)

func TestAnswers(t *testing.T) {
	answertest.Test(t, func(t *testing.T) answertest.World {
		server := miniredis.RunT(t)
		return answertest.World{Store: newClient(t, server.Addr()), Other: newClient(t, server.Addr()), Forward: server.FastForward}
	})
}

// The same on a real Redis, where there is one.
func TestAnswersOnARealRedis(t *testing.T) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server is installed")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	cmd := exec.CommandContext(t.Context(), program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(),
		"--unixsocket", filepath.Join(t.TempDir(), "s"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	raw := goredis.NewClient(&goredis.Options{Addr: addr})
	t.Cleanup(func() { raw.Close() })
	for deadline := time.Now().Add(20 * time.Second); raw.Ping(t.Context()).Err() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("it does not answer")
		}
		time.Sleep(20 * time.Millisecond)
	}
	answertest.Test(t, func(t *testing.T) answertest.World {
		if err := raw.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return answertest.World{Store: newClient(t, addr), Other: newClient(t, addr), Forward: func(by time.Duration) { age(t, raw, by) }}
	})
}

// age lets time pass in a real Redis: what would end in it ends.
func age(t *testing.T, raw *goredis.Client, by time.Duration) {
	t.Helper()
	ctx := t.Context()
	for _, key := range raw.Keys(ctx, "*").Val() {
		left := raw.PTTL(ctx, key).Val()
		if err := raw.PExpire(ctx, key, max(left-by, 0)).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// Once a Redis has hung a few times nobody waits for it any more, until one finds
// it well again.
func TestARedisThatIsAwayCostsNoTimeEachTime(t *testing.T) {
	hangs, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	addr := hangs.Addr().String()
	client := newClient(t, addr)
	waited := 0
	for range 100 {
		began := time.Now()
		if _, err := claimK(t.Context(), client); app.KindOf(err) != app.KindUnavailable {
			t.Fatal(err)
		}
		if time.Since(began) > 50*time.Millisecond {
			waited++
		}
	}
	if waited > 20 { // three, were nobody else on this machine
		t.Errorf("%d of 100 waited", waited)
	}
	hangs.Close()
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(addr); err != nil {
		t.Skip("the port is taken: ", err)
	}
	defer server.Close()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := claimK(t.Context(), client); app.KindOf(err) == app.KindNotFound {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("it is back, and nobody asks it: ", err)
		}
	}
}

// Those who leave say nothing about Redis.
func TestWhoLeavesDoesNotOpenTheBreaker(t *testing.T) {
	client := newClient(t, miniredis.RunT(t).Addr())
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 20 {
		if _, err := claimK(gone, client); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if _, err := claimK(t.Context(), client); app.KindOf(err) != app.KindNotFound {
		t.Error(err)
	}
}

// claimK asks for what is not there.
func claimK(ctx context.Context, client app.AnswerStore) (value []byte, err error) {
	value, _, err = client.Claim(ctx, "k", time.Second)
	return value, err
}
