package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// asked asks the gateway and returns what it answered, and where from.
func (p *pipeline) asked(path string) (status int, from, body string) {
	p.t.Helper()
	got := p.get("gateway", path)
	return got.status, got.header.Get("X-Cache"), got.body
}

// A thousand equal searches at once are one query: the table is locked, so that
// whatever is asked of PostgreSQL meanwhile can be counted there.
func TestEqualSearchesAtOnceAreOneQuery(t *testing.T) {
	p := newPipeline(t, "MILLRACE_POSTGRES_STATEMENT_TIMEOUT=80s")
	p.start("shipper")
	consumer := p.start("consumer")
	p.start("gateway")
	p.send(0, 100)
	p.expectStored(100)
	consumer.stop()

	conn, err := pgx.Connect(t.Context(), p.db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	lock, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback(t.Context())
	if _, err := lock.Exec(t.Context(), "LOCK TABLE logs IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}

	const searches = 1000
	var sent, right atomic.Int64
	var all sync.WaitGroup
	// One connection each: all are in hand at once.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range searches {
		all.Go(func() {
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent.Add(1) }})
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr["gateway"]+"/api/logs?limit=50&service="+p.service, nil)
			if err != nil {
				t.Error(err)
				return
			}
			response, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			if response.StatusCode == http.StatusOK {
				right.Add(1)
			}
		})
	}
	eventually(t, "all have asked", func() bool { return sent.Load() == searches })
	waiting := func() (n int) {
		p.query(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`, nil, &n)
		return n
	}
	eventually(t, "one waits in PostgreSQL", func() bool { return waiting() >= 1 })
	// A search of another kind comes behind them all, and when it waits too, so
	// would any that they had sent.
	all.Go(func() { p.get("gateway", "/api/logs?limit=51&service="+p.service) })
	eventually(t, "another waits, too", func() bool { return waiting() >= 2 })
	if n := waiting(); n != 2 {
		t.Errorf("%d queries wait in PostgreSQL: want one for all, and the other", n)
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if n := right.Load(); n != searches {
		t.Errorf("%d of %d were answered", n, searches)
	}
}

// What is kept is given again, has the newest logs soon, and is not needed: Redis
// may go at any time.
func TestSearchesWithAndWithoutRedis(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.start("gateway")
	p.send(0, 10)
	p.expectStored(10)
	path := "/api/logs/stats?service=" + p.service
	eventually(t, "an answer is given again", func() bool {
		status, from, body := p.asked(path)
		if status != http.StatusOK || from == "" {
			t.Fatalf("%d %q %s", status, from, body)
		}
		return from == "hit"
	})
	counts := func(n string) bool {
		_, _, body := p.asked(path)
		return containsCount(body, n)
	}
	p.send(10, 5)
	p.expectStored(15)
	eventually(t, "what was stored since is in it", func() bool { return counts("15") })

	redis.Kill()
	restarted := false
	defer func() {
		if !restarted {
			_ = redis.Start(t.Context())
		}
	}()
	// A gateway remembers an answer for a second; then it must work it out.
	eventually(t, "Redis is passed by", func() bool {
		status, from, body := p.asked(path)
		if status != http.StatusOK || !containsCount(body, "15") {
			t.Fatalf("without Redis: %d %q %s", status, from, body)
		}
		return from == "bypass"
	})
	p.send(15, 5)
	p.expectStored(20)
	eventually(t, "what was stored since is in it, without Redis", func() bool { return counts("20") })
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	restarted = true
	eventually(t, "Redis is asked again", func() bool { _, from, _ := p.asked(path); return from == "hit" })

	tag := p.get("gateway", path+"&to=2020-01-01T00:00:00Z").header.Get("ETag")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.addr["gateway"]+path+"&to=2020-01-01T00:00:00Z", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("If-None-Match", tag)
	response, err := http.DefaultClient.Do(request)
	if got := p.read(response, err); got.status != http.StatusNotModified || got.body != "" || tag == "" {
		t.Errorf("with the tag %s: %d %s", tag, got.status, got.body)
	}
}

// containsCount tells whether the figures say how many logs there are.
func containsCount(body, n string) bool {
	var stats struct{ Count int }
	return json.Unmarshal([]byte(body), &stats) == nil && strconv.Itoa(stats.Count) == n
}
