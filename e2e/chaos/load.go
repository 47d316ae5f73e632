package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"
)

const (
	requestsPerSecond = 40
	inFlight          = 96 // requests at the most; when as many wait, none is sent
	answerTimeout     = 20 * time.Second
	oversizeEvery     = 400 // requests; one of the logs of such a one is too large for Kafka
)

// outcome is what a client knows of its request.
type outcome string

const (
	acked   outcome = "acked"   // 2xx: each of its logs must be stored once
	refused outcome = "refused" // another answer: each may be there once at most
	unknown outcome = "unknown" // no answer: likewise
)

// request is a request with the logs numbered First to First+Count-1. Each
// number is sent in one request, and that is sent once.
type request struct {
	First    int       `json:"first"`
	Count    int       `json:"count"`
	Large    int       `json:"-"` // the number of the log that is too large, or -1
	Shipper  string    `json:"shipper"`
	Way      string    `json:"way"`
	Encoding string    `json:"encoding,omitempty"`
	Sent     time.Time `json:"sent"`
	Answered time.Time `json:"answered"`
	Outcome  outcome   `json:"outcome"`
	Answer   string    `json:"answer"` // status, or why there is none
}

// load sends logs to the shippers, and keeps what was answered.
type load struct {
	seed     uint64
	shippers []target
	http     *http.Client

	mu   sync.Mutex
	sent []request // in order of First; those in flight are of outcome unknown
}

type target struct{ name, addr string }

func newLoad(seed uint64, shippers []target) *load {
	transport := &http.Transport{MaxIdleConnsPerHost: inFlight, DisableCompression: true}
	return &load{seed: seed, shippers: shippers, http: &http.Client{Timeout: answerTimeout, Transport: transport}}
}

// run sends until ctx ends, and waits for the answers that are due.
func (l *load) run(ctx context.Context) error {
	defer l.http.CloseIdleConnections()
	random := rand.New(rand.NewPCG(l.seed, 3))
	free := make(chan struct{}, inFlight)
	failed := make(chan error, 1)
	var clients sync.WaitGroup
	defer clients.Wait()
	tick := time.NewTicker(time.Second / requestsPerSecond)
	defer tick.Stop()
	for index := 0; ; index++ {
		select {
		case <-tick.C:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		place, way, to := l.next(random, index)
		clients.Go(func() {
			defer func() { <-free }()
			if err := l.send(place, way, to); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
}

// next notes the next request and returns its place in l.sent.
func (l *load) next(random *rand.Rand, index int) (int, way, target) {
	w := ways[random.IntN(len(ways))]
	to := l.shippers[random.IntN(len(l.shippers))]
	r := request{Count: 1, Large: -1, Shipper: to.name, Way: w.name, Outcome: unknown, Answer: "none yet"}
	r.Encoding = compressions[random.IntN(len(compressions))]
	if !w.single() {
		r.Count += random.IntN(60)
		if random.IntN(6) == 0 {
			r.Count += random.IntN(400)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.sent) - 1; last >= 0 {
		r.First = l.sent[last].First + l.sent[last].Count
	}
	if index%oversizeEvery == oversizeEvery/2 {
		r.Large = r.First + r.Count/2
	}
	l.sent = append(l.sent, r)
	return len(l.sent) - 1, w, to
}

// send sends a request and notes its outcome. An error is one of ours.
func (l *load) send(place int, w way, to target) error {
	l.mu.Lock()
	r := l.sent[place]
	l.mu.Unlock()
	texts := make([]string, r.Count)
	for i := range texts {
		texts[i] = text(r.First+i, r.First+i == r.Large)
	}
	body, err := w.body(texts)
	if err != nil {
		return fmt.Errorf("writing %s: %w", w.name, err)
	}
	if body, err = compressed(body, r.Encoding); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	r.Sent = time.Now()
	r.Outcome, r.Answer = l.post(w, to, r.Encoding, body)
	r.Answered = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[place] = r
	return nil
}

func (l *load) post(w way, to target, encoding string, body []byte) (outcome, string) {
	post, err := http.NewRequest(http.MethodPost, "http://"+to.addr+w.path, bytes.NewReader(body))
	if err != nil {
		return unknown, err.Error()
	}
	post.GetBody = nil // so that nothing sends it a second time
	post.Header.Set("Content-Type", w.contentType)
	if encoding != "" {
		post.Header.Set("Content-Encoding", encoding)
	}
	response, err := l.http.Do(post)
	if err != nil {
		return unknown, err.Error()
	}
	defer response.Body.Close()
	// The status alone is the promise: an answer cut short after it counts.
	answer, err := io.ReadAll(response.Body)
	if response.StatusCode/100 != 2 {
		return refused, fmt.Sprintf("%d %.300q", response.StatusCode, answer)
	}
	if w.name == "OTLP protobuf" && err == nil {
		var partly collector.ExportLogsServiceResponse
		if err := proto.Unmarshal(answer, &partly); err != nil || partly.PartialSuccess.GetRejectedLogRecords() != 0 {
			return refused, fmt.Sprintf("%d with rejected logs: %v %v", response.StatusCode, &partly, err)
		}
	}
	return acked, response.Status
}

// requests returns all requests, once run has returned.
func (l *load) requests() []request { return l.sent }
