package redis

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"millrace/app"
)

// Examine tells whether a Redis suits. It may be away: queries are then slower,
// and no log is lost, so that nothing found of it is worse than better.
func Examine(ctx context.Context, cfg app.RedisConfig) []app.Diagnosis {
	x := app.NewExamination("Redis")
	cfg.Timeout = max(cfg.Timeout, time.Second) // to look takes longer than to use
	client := New(cfg, nil)
	defer func() { _ = client.Close() }() // what it said is known by then
	asked := time.Now()
	theirs, err := client.rdb.Time(ctx).Result()
	if err != nil {
		x.Better("start Redis, or correct redis-addr and redis-password; until then PostgreSQL answers in its place", "no Redis answers at %s: %v", cfg.Addr, err)
		return x.Found()
	}
	answered := time.Now()
	x.Fine("it answers at %s in %s", cfg.Addr, answered.Sub(asked).Round(10*time.Microsecond))
	x.Clock(theirs, asked, answered)
	info, err := client.rdb.Info(ctx).Result()
	if err != nil {
		x.Better("let this user run INFO", "it does not describe itself: %v", err)
		return x.Found()
	}
	values := parseInfo(info)
	if values["redis_version"] == "" && values["used_memory"] == "" {
		x.Fine("it tells neither its version nor its memory, as the one that millrace up brings")
		return x.Found()
	}
	limit, _ := strconv.ParseInt(values["maxmemory"], 10, 64) // 0: none
	used, _ := strconv.ParseInt(values["used_memory"], 10, 64)
	if policy := values["maxmemory_policy"]; limit > 0 && used > limit*9/10 && policy == "noeviction" {
		x.Better("raise maxmemory, or set maxmemory-policy allkeys-lru", "its memory is nearly full (%d of %d bytes) and it evicts nothing: the newest logs can soon not be kept there", used, limit)
	} else {
		x.Fine("version %s, %d MB in use", cmp.Or(values["redis_version"], "unknown"), (used+999_999)/1_000_000)
	}
	return x.Found()
}

// parseInfo reads the answer to INFO, lines of NAME:VALUE.
func parseInfo(info string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			values[name] = value
		}
	}
	return values
}
