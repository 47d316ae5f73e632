package synthetic_test

import (
	"encoding/json"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/synthetic"
)

func TestTheSameSeedMakesTheSameLogs(t *testing.T) {
	a, b, other := synthetic.New(1), synthetic.New(1), synthetic.New(2)
	now, differ := time.Unix(1795428000, 0), false
	for range 1000 {
		x, y, z := a.Next(now), b.Next(now), other.Next(now)
		if string(x.AppendJSON(nil)) != string(y.AppendJSON(nil)) {
			t.Fatal("they differ")
		}
		differ = differ || x.Message != z.Message
	}
	if !differ {
		t.Error("another seed makes the same logs")
	}
}

func TestTheLogsAreLikeReality(t *testing.T) {
	g := synthetic.New(7)
	levels, services, traces := map[app.Level]int{}, map[string]int{}, map[string]map[string]bool{}
	for range 20_000 {
		log := g.Next(time.Now())
		levels[log.Level]++
		services[log.Service]++
		if traces[log.TraceID] == nil {
			traces[log.TraceID] = map[string]bool{}
		}
		traces[log.TraceID][log.Service] = true
		var out app.Log
		if err := json.Unmarshal(log.AppendJSON(nil), &out); err != nil || len(log.TraceID) != 32 || len(log.SpanID) != 16 {
			t.Fatal(log, err)
		}
	}
	if levels[app.LevelInfo] < 12_000 || levels[app.LevelError] < 100 || levels[app.LevelWarn] < 100 || len(services) < 5 {
		t.Errorf("levels %v, services %v", levels, services)
	}
	shared := 0
	for _, services := range traces {
		if len(services) > 1 {
			shared++
		}
	}
	if shared < len(traces)/2 {
		t.Errorf("%d of %d traces are in more than one service", shared, len(traces))
	}
}

func BenchmarkNext(b *testing.B) {
	g, now := synthetic.New(1), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		g.Next(now)
	}
}
