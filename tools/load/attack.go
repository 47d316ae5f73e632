package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// What became of a request.
const (
	neverSent = iota
	accepted  // its logs must be stored, each once
	refused   // they must not be stored
	unknown   // the connection or the server failed: they may be stored, once
)

// tally is what the clients know.
type tally struct {
	outcomes []byte // of each request
	size     int    // logs in each
	requests [unknown + 1]int
	reasons  map[string]int // why requests were not accepted
	latency  vegeta.Metrics
}

func newTally(cfg config) *tally {
	return &tally{outcomes: make([]byte, cfg.requests), size: cfg.size, reasons: map[string]int{}}
}

func (t *tally) logs(outcome int) int { return t.requests[outcome] * t.size }

// add takes the answer to a request, which names its number in its fragment.
func (t *tally) add(result *vegeta.Result) {
	_, fragment, _ := strings.Cut(result.URL, "#")
	k, err := strconv.Atoi(fragment)
	if err != nil || k >= len(t.outcomes) {
		return // an answer to nothing that was asked cannot come
	}
	outcome, reason := judge(result)
	t.outcomes[k] = byte(outcome)
	t.requests[outcome]++
	if reason != "" {
		t.reasons[reason]++
	}
	t.latency.Add(result)
}

func judge(result *vegeta.Result) (outcome int, reason string) {
	switch {
	case result.Code/100 == 2:
		return accepted, ""
	case result.Code == 0:
		return unknown, result.Error
	case result.Code == http.StatusServiceUnavailable || result.Code == http.StatusTooManyRequests || result.Code/100 == 4:
		outcome = refused
	default:
		outcome = unknown
	}
	var problem struct{ Detail, Message string } // RFC 9457, or OTLP's status
	_ = json.Unmarshal(result.Body, &problem)    // from a proxy it may be anything
	return outcome, strings.TrimSpace(strconv.Itoa(int(result.Code)) + " " + problem.Detail + problem.Message)
}

// attack sends the requests at their pace and tells progress of each answer.
// When ctx ends, it sends no more and waits for the answers that are due.
func attack(ctx context.Context, cfg config, make *bodies, progress func(*tally)) *tally {
	attacker := vegeta.NewAttacker(
		vegeta.Timeout(cfg.timeout), vegeta.Connections(cfg.connections), vegeta.MaxWorkers(uint64(cfg.connections)),
		vegeta.MaxBody(4<<10),
	)
	t := newTally(cfg)
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	steady := pace{vegeta.Rate{Freq: cfg.requests, Per: cfg.time}, cfg.time, uint64(cfg.requests)}
	for result := range attacker.Attack(targets(cfg, make), steady, 0, "") {
		t.add(result)
		progress(t)
	}
	t.latency.Close()
	return t
}

// pace spreads the requests over the time. Who takes them more slowly gets them
// more slowly, for twice the time at the most.
type pace struct {
	vegeta.Pacer
	time     time.Duration
	requests uint64
}

// Pace implements vegeta.Pacer.
func (p pace) Pace(elapsed time.Duration, hits uint64) (wait time.Duration, stop bool) {
	if hits >= p.requests || elapsed > 2*p.time {
		return 0, true
	}
	return p.Pacer.Pace(elapsed, hits)
}

// targets returns what makes the requests, one after another. The shippers
// take turns.
func targets(cfg config, make *bodies) vegeta.Targeter {
	var next atomic.Uint64
	way := protocols[cfg.protocol]
	return func(t *vegeta.Target) error {
		k := next.Add(1) - 1
		if k >= uint64(cfg.requests) {
			return vegeta.ErrNoTargets
		}
		body, err := make.request(k)
		if err != nil {
			return err
		}
		t.Method = http.MethodPost
		// A fragment is not sent: it only names the request in its result.
		t.URL = cfg.shippers[k%uint64(len(cfg.shippers))] + way.path + "#" + strconv.FormatUint(k, 10)
		t.Header = cfg.headers.Clone()
		t.Header.Set("Content-Type", way.contentType)
		t.Body = body
		if cfg.gzip {
			t.Header.Set("Content-Encoding", "gzip")
			t.Body = compressed(body)
		}
		return nil
	}
}

func compressed(body []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	// A buffer takes everything.
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}
