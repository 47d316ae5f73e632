package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// latencies are sorted.
type latencies []time.Duration

// at returns the latency that a share of all answers did not exceed.
func (l latencies) at(share float64) time.Duration { return l[int(share*float64(len(l)-1))] }

// String implements fmt.Stringer.
func (l latencies) String() string {
	show := func(share float64) time.Duration { return l.at(share).Round(10 * time.Microsecond) }
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, at most %s", show(0.5), show(0.95), show(0.99), show(1))
}

// recentRequest asks for the newest logs, as bytes on the wire. Like browsers and
// Go's client it takes them compressed, too.
var recentRequest = []byte("GET /api/query/recent HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")

// askRecent asks for the newest logs over a connection.
func askRecent(conn net.Conn, answers *bufio.Reader) (fromCache bool, err error) {
	return askOver(conn, answers, recentRequest)
}

// askOver asks anything over a connection, and reads all of the answer.
func askOver(conn net.Conn, answers *bufio.Reader, request []byte) (fromCache bool, err error) {
	if err := conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return false, err
	}
	if _, err := conn.Write(request); err != nil {
		return false, err
	}
	status, length, fromCache, err := readHead(answers)
	if err != nil {
		return false, err
	}
	if status != http.StatusOK {
		return false, fmt.Errorf("the answer's status is %d", status)
	}
	_, err = answers.Discard(length)
	return fromCache, err
}

// together runs clients side by side, each with a connection, and returns their
// errors.
func together(clients int, address string, client func(conn net.Conn, answers *bufio.Reader) error) error {
	var group sync.WaitGroup
	failures := make(chan error, clients)
	for range clients {
		group.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				failures <- err
				return
			}
			defer conn.Close()
			failures <- client(conn, bufio.NewReaderSize(conn, 64<<10))
		})
	}
	group.Wait()
	close(failures)
	var all error
	for err := range failures {
		all = errors.Join(all, err)
	}
	return all
}

// hammer lets clients ask for the newest logs, each again when it is answered. It
// returns the answers a second, and the share of them that the cache gave.
func hammer(ctx context.Context, address string) (speed, kept float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, recentTurn)
	defer cancel()
	var answered, cached atomic.Int64
	began := time.Now()
	err = together(recentClients, address, func(conn net.Conn, answers *bufio.Reader) error {
		for ctx.Err() == nil {
			fromCache, err := askRecent(conn, answers)
			if err != nil {
				return err
			}
			answered.Add(1)
			if fromCache {
				cached.Add(1)
			}
		}
		return nil
	})
	n := float64(answered.Load())
	return n / time.Since(began).Seconds(), float64(cached.Load()) / n, err
}

// paceRecent asks for the newest logs recentRate times a second, whether or not
// earlier requests are answered. What is told of a request begins when it was
// due: one that must wait for a connection because others are slow counts as
// slow, too.
func paceRecent(ctx context.Context, address string) (took latencies, kept float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, recentTime)
	defer cancel()
	due := make(chan time.Time, int(recentRate*recentTime.Seconds()))
	ticked := make(chan error, 1)
	go func() {
		defer close(due)
		ticked <- tick(ctx, recentRate, func(at time.Time) { due <- at })
	}()
	var mu sync.Mutex // guards took and cached
	cached := 0
	err = together(clients, address, func(conn net.Conn, answers *bufio.Reader) error {
		for at := range due {
			fromCache, err := askRecent(conn, answers)
			if err != nil {
				return err
			}
			mu.Lock()
			took = append(took, time.Since(at))
			if fromCache {
				cached++
			}
			mu.Unlock()
		}
		return nil
	})
	if err := errors.Join(err, <-ticked); err != nil {
		return nil, 0, err
	}
	slices.Sort(took)
	return took, float64(cached) / float64(len(took)), nil
}

// asker asks over HTTP.
type asker struct {
	client *http.Client
	base   string
	asked  atomic.Int64
}

func newAsker(address string) *asker {
	return &asker{base: "http://" + address, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: searchers}, Timeout: answerTimeout}}
}

func (a *asker) close() { a.client.CloseIdleConnections() }

// get asks one question and returns the answer, where it came from, and how long
// it took to its last byte.
func (a *asker) get(ctx context.Context, question string) (body []byte, from string, took time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+question, nil)
	if err != nil {
		return nil, "", 0, err
	}
	began := time.Now()
	response, err := a.client.Do(request)
	if err != nil {
		return nil, "", 0, err
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		return nil, "", 0, err
	}
	took = time.Since(began)
	if response.StatusCode != http.StatusOK {
		return nil, "", 0, fmt.Errorf("%s: %s: %.300s", question, response.Status, body)
	}
	return body, response.Header.Get("X-Cache"), took, nil
}

// ask asks a question that must be worked out.
func (a *asker) ask(ctx context.Context, question string) (body []byte, took time.Duration, err error) {
	body, from, took, err := a.get(ctx, question)
	if err == nil && from != "miss" {
		err = fmt.Errorf("%s: its X-Cache is %s", question, from)
	}
	a.asked.Add(1)
	return body, took, err
}

// all asks n questions, searchers of them at a time.
func (a *asker) all(ctx context.Context, n int, next func() string) (latencies, error) {
	return a.each(n, next, func(question string) (time.Duration, error) {
		_, took, err := a.ask(ctx, question)
		return took, err
	})
}

func (a *asker) each(n int, next func() string, ask func(string) (time.Duration, error)) (latencies, error) {
	var mu sync.Mutex // guards the rest
	var all latencies
	var failed error
	var group sync.WaitGroup
	for range searchers {
		group.Go(func() {
			for range n / searchers {
				mu.Lock()
				question := next()
				mu.Unlock()
				took, err := ask(question)
				mu.Lock()
				all, failed = append(all, took), errors.Join(failed, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	slices.Sort(all)
	return all, failed
}

// pages asks for pages, and for the page after each.
func (a *asker) pages(ctx context.Context, q *questions) (first, next latencies, err error) {
	var mu sync.Mutex // guards next
	first, err = a.each(pages, q.page, func(question string) (time.Duration, error) {
		body, took, err := a.ask(ctx, question)
		if err != nil {
			return 0, err
		}
		var page struct {
			Logs []json.RawMessage
			Next string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return 0, err
		}
		if len(page.Logs) < 100 || page.Next == "" {
			return took, nil // of few logs
		}
		_, more, err := a.ask(ctx, question+"&cursor="+url.QueryEscape(page.Next))
		mu.Lock()
		defer mu.Unlock()
		next = append(next, more)
		return took, err
	})
	slices.Sort(next)
	if len(next) == 0 {
		err = errors.Join(err, errors.New("no page had another after it"))
	}
	return first, next, err
}
