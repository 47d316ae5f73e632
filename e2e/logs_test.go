package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// follower is a millrace logs -f that runs.
type follower struct {
	mu   sync.Mutex
	seen map[string]int // how often, by message
}

// followLogs runs millrace logs -f for the logs of a test, beginning with some.
func (p *pipeline) followLogs(begin int) *follower {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{seen: map[string]int{}}
	cmd := exec.CommandContext(ctx, binary, "logs", "-f", "-n", strconv.Itoa(begin), "-o", "json", "--service", p.service, "--gateway-url", "http://"+p.addr["gateway"])
	cmd.Env, cmd.Stderr = slices.Concat(os.Environ(), p.env), os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var log struct{ Message string }
			if err := json.Unmarshal(lines.Bytes(), &log); err != nil {
				log.Message = err.Error()
			}
			f.mu.Lock()
			f.seen[log.Message]++
			f.mu.Unlock()
		}
	})
	p.t.Cleanup(func() {
		cancel()
		reading.Wait()
		_ = cmd.Wait() // it was killed
	})
	return f
}

func (f *follower) count() (different, twice int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, times := range f.seen {
		if times > 1 {
			twice++
		}
	}
	return len(f.seen), twice
}

// Whoever begins to follow sees what is in Kafka and not stored yet, too, and
// nothing twice.
func TestFollowingBeginsWithoutAGap(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_MAX_BATCH_SIZE=7", "MILLRACE_BATCHING_MAX_DELAY=100ms")
	p.start("shipper")
	consumer := p.start("consumer")
	p.start("gateway")
	p.send(0, 20)
	p.expectStored(20)
	consumer.stop()
	p.send(20, 30)
	eventually(t, "Kafka has what is not stored", func() bool { return p.count("shipper", "logs.sent") == 50 })
	few := p.followLogs(5)
	eventually(t, "the last five and those that are not stored are shown", func() bool { n, _ := few.count(); return n >= 35 })

	// While logs come and are stored, others begin to follow.
	p.start("consumer")
	all := []*follower{few}
	sent := 50
	for range 6 {
		for range 5 {
			p.send(sent, 10)
			sent += 10
		}
		all = append(all, p.followLogs(1000))
	}
	for i, f := range all {
		want := sent
		if i == 0 {
			want -= 15 // of the first twenty it was to begin with five
		}
		eventually(t, fmt.Sprintf("follower %d has seen %d logs", i, want), func() bool { n, _ := f.count(); return n >= want })
		if n, twice := f.count(); n != want || twice > 0 {
			t.Errorf("follower %d: %d logs, want %d; %d of them twice", i, n, want, twice)
		}
	}
}

// A log has a name as it comes, by which it is found once it is stored.
func TestALogIsFoundByTheNameItCameWith(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("gateway")
	p.send(0, 3)
	eventually(t, "Kafka has it", func() bool { return p.count("shipper", "logs.sent") == 3 })
	id := p.firstOfTail()
	if got := p.get("gateway", "/api/logs/"+id); got.status != 404 {
		t.Errorf("before it is stored: %d %s", got.status, got.body)
	}
	p.start("consumer")
	p.expectStored(3)
	var log struct{ ID, Message string }
	p.json("/api/logs/"+id, &log)
	if log.Message != "log 0" || log.ID == "" || log.ID == id {
		t.Errorf("found %+v by %s", log, id)
	}
	var around struct{ After []struct{ Message string } }
	p.json("/api/logs/"+id+"/context", &around)
	if len(around.After) != 2 {
		t.Errorf("after it there are %+v", around.After)
	}
}

// firstOfTail returns the id of the first log that is not stored.
func (p *pipeline) firstOfTail() string {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), binary, "logs", "-f", "-o", "json", "--service", p.service, "--gateway-url", "http://"+p.addr["gateway"])
	cmd.Env = slices.Concat(os.Environ(), p.env)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var log struct{ ID string }
	if err := json.NewDecoder(out).Decode(&log); err != nil {
		p.t.Fatal(err)
	}
	return log.ID
}
