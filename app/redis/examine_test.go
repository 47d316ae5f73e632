package redis_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"millrace/app"
	"millrace/app/redis"
)

func TestExamine(t *testing.T) {
	server := miniredis.RunT(t)
	server.SetTime(time.Now().Add(time.Hour))
	addr := server.Addr()
	verdicts := func() map[app.Verdict]int {
		out := map[app.Verdict]int{}
		for _, d := range redis.Examine(t.Context(), app.RedisConfig{Addr: addr, Timeout: time.Second}) {
			out[d.Verdict]++
		}
		return out
	}
	if got := verdicts(); got[app.VerdictFine] == 0 || got[app.VerdictWrong] != 1 {
		t.Errorf("with a clock an hour ahead: %v", got)
	}
	server.Close()
	if got := verdicts(); got[app.VerdictBetter] != 1 || len(got) != 1 {
		t.Errorf("a Redis that is away loses nothing: %v", got)
	}
}
