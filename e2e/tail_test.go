package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// tailReader follows the logs of a test as a browser does: whenever the
// connection ends it comes back with the last id.
type tailReader struct {
	p      *pipeline
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	seen   map[string]int // how often, by message
	missed []string
	joined int // connections
}

func (p *pipeline) follow() *tailReader {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &tailReader{p: p, cancel: cancel, seen: map[string]int{}}
	r.done.Go(func() {
		id := ""
		for ctx.Err() == nil {
			id = r.connection(ctx, id)
		}
	})
	p.t.Cleanup(func() { cancel(); r.done.Wait() })
	return r
}

// connection reads until the connection ends, and returns the last id.
func (r *tailReader) connection(ctx context.Context, id string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.p.addr["gateway"]+"/api/logs/tail?service="+r.p.service, nil)
	if err != nil {
		panic(err)
	}
	if id != "" {
		request.Header.Set("Last-Event-ID", id)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return id // it is not back yet
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return id
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	event, data, next := "", "", id
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			next = value
		case "event":
			event = value
		case "data":
			data = value
		case "": // the end of a block, or a comment
			if lines.Text() != "" {
				continue
			}
			r.note(event, data, next != id && id == "")
			id, event, data = next, "", ""
		}
	}
	return id
}

func (r *tailReader) note(event, data string, joined bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if joined {
		r.joined++
	}
	switch event {
	case "log":
		var log struct{ Message string }
		if err := json.Unmarshal([]byte(data), &log); err != nil {
			r.missed = append(r.missed, err.Error())
		}
		r.seen[log.Message]++
	case "missed":
		r.missed = append(r.missed, data)
	}
}

// told returns how many different logs came, how many came twice, and what was
// missed.
func (r *tailReader) told() (different, twice int, missed []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, times := range r.seen {
		if times > 1 {
			twice++
		}
	}
	return len(r.seen), twice, r.missed
}

// Whoever follows over restarts of the gateway, asked to stop or killed, gets
// every log once, whatever was sent meanwhile.
func TestATailLosesAndRepeatsNothingOverARestart(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_MAX_BATCH_SIZE=50", "MILLRACE_BATCHING_MAX_DELAY=100ms")
	p.start("shipper")
	gateway := p.start("gateway")
	p.send(0, 10) // before anyone follows
	eventually(t, "Kafka has what was sent before", func() bool { return p.count("shipper", "logs.sent") == 10 })
	r := p.follow()
	eventually(t, "it follows", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.joined > 0 })
	sent := 1000
	p.send(1000, 100)
	sent += 100
	eventually(t, "it tells of logs", func() bool { n, _, _ := r.told(); return n >= 100 })

	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				p.send(sent, 37)
				sent += 37
			}
		}
	})
	for round := range 3 {
		if round == 1 {
			gateway.Kill()
		} else if code := gateway.stop(); code != 0 {
			t.Errorf("the gateway ended with %d while it was followed", code)
		}
		before, _, _ := r.told()
		gateway = p.start("gateway")
		eventually(t, fmt.Sprintf("it goes on after restart %d", round), func() bool { n, _, _ := r.told(); return n > before })
	}
	close(stop)
	sending.Wait()
	want := sent - 1000
	eventually(t, fmt.Sprintf("it has told of %d logs", want), func() bool { n, _, _ := r.told(); return n >= want })
	if different, twice, missed := r.told(); different != want || twice > 0 || len(missed) > 0 {
		t.Errorf("%d logs of %d, %d of them twice; missed: %v", different, want, twice, missed)
	}
}
