package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// compareBare tells what net/http alone does with the bytes of the newest logs, at
// an address: more than that no gateway can. And it tells the latency of the newest
// logs and of pages while nothing comes in, which leaves them the processors.
func (s *stack) compareBare(ctx context.Context, r *report, q *questions, bare string) error {
	took, _, err := paceRecent(ctx, s.gateway.address)
	if err != nil {
		return err
	}
	fmt.Printf("query: the newest logs while nothing comes in, %d/s: %s\n", recentRate, took)
	r.addFigure("newest logs, p99 while nothing comes in", "ms", float64(took.at(0.99))/1e6)

	asker := newAsker(s.gateway.address)
	defer asker.close()
	first, _, err := asker.pages(ctx, q)
	if err != nil {
		return err
	}
	fmt.Printf("query: a page while nothing comes in: %s\n", first)
	r.addFigure("a page of 100, p95 while nothing comes in", "ms", float64(first.at(0.95))/1e6)

	var ours, theirs float64
	for range rounds {
		speed, _, err := hammer(ctx, s.gateway.address)
		if err != nil {
			return err
		}
		ours += speed / rounds
		if speed, _, err = hammer(ctx, bare); err != nil {
			return err
		}
		theirs += speed / rounds
	}
	r.add("newest logs while nothing comes in, against the same bytes from net/http", "requests/s", ours, theirs, ours/theirs, 0)
	return nil
}

// startBare serves what a gateway answers with, by the least code there can be.
func startBare(ctx context.Context, gateway string) (*http.Server, error) {
	answer, err := compressed(ctx, gateway)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	length := strconv.Itoa(len(answer))
	server := &http.Server{Addr: listener.Addr().String(), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(answer) // whoever asked sees what is missing
	})}
	go func() { _ = server.Serve(listener) }() // ends when the server is closed
	return server, nil
}

// compressed returns what a gateway answers with for long: the first who ask do not
// wait until the newest logs are compressed.
func compressed(ctx context.Context, gateway string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+gateway+"/api/query/recent", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	for {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		answer, err := io.ReadAll(response.Body)
		err = errors.Join(err, response.Body.Close())
		if err != nil || response.Header.Get("Content-Encoding") == "gzip" {
			return answer, err
		}
	}
}
