package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// What searching is to reach, while streamRate logs/s come in.
const (
	recentBar   = 20 // the newest logs from Redis, as a multiple of the same from PostgreSQL
	recentLimit = 2 * time.Millisecond
	pageLimit   = 20 * time.Millisecond
	wordLimit   = 500 * time.Millisecond
	countLimit  = 300 * time.Millisecond
	intakeShare = 0.9 // of the intake without searches
)

const (
	// recentRate is how many requests a second there are, whatever becomes of
	// them, when their latency is measured; recentTime is for how long.
	recentRate = 2000
	recentTime = 10 * time.Second
	// recentTurn is how long each side has when throughput is compared.
	recentTurn = 2 * time.Second
	// recentClients ask side by side, each when its last answer is there.
	recentClients = 16
	// Questions of each kind, asked by searchers side by side: one waits for each
	// answer, as people do, while the logs that come in have the other processor.
	pages, words, histograms = 200, 80, 100
	searchers                = 1
	// equals ask the same at once.
	equals = 1000
)

// measureQuery fills PostgreSQL through the store, starts the roles on real
// servers, lets logs come in, and asks the gateway over HTTP.
func measureQuery(ctx context.Context, b *bench) (err error) {
	dir, err := b.diskDir("query")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := b.startStack(ctx, dir)
	defer s.stop()
	if err != nil {
		return err
	}
	if err := s.fill(ctx, b.logs); err != nil {
		return err
	}
	if err := s.tellSizes(ctx, &b.report); err != nil {
		return err
	}
	if err := s.startRoles(ctx); err != nil {
		return err
	}
	q := newQuestions(b.logs)
	bare, err := startBare(ctx, s.gateway.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	if err := s.compareBare(ctx, &b.report, q, bare.Addr); err != nil {
		return err
	}
	stream := startStream(ctx, s.shipper.address)
	err = s.search(ctx, &b.report, q, bare.Addr)
	if err := errors.Join(err, stream.end()); err != nil {
		return err
	}
	if err := s.tellStream(ctx, &b.report, stream); err != nil {
		return err
	}
	return s.measureSharing(ctx, &b.report)
}

// search measures all that is asked while logs come in.
func (s *stack) search(ctx context.Context, r *report, q *questions, bare string) error {
	if err := s.compareRecent(ctx, r); err != nil {
		return err
	}
	took, kept, err := paceRecent(ctx, s.gateway.address)
	if err != nil {
		return err
	}
	fmt.Printf("query: %d requests of the newest logs, %d/s: %s; %.1f%% from Redis\n", len(took), recentRate, took, 100*kept)
	r.addLatency(fmt.Sprintf("newest logs from Redis, p99 at %d requests/s", recentRate), took.at(0.99), recentLimit)
	if took, _, err = paceRecent(ctx, bare); err != nil {
		return err
	}
	fmt.Printf("query: the same bytes from net/http, %d/s: %s\n", recentRate, took)
	r.addFigure("the same bytes from net/http, p99 while logs come in", "ms", float64(took.at(0.99))/1e6)

	asker := newAsker(s.gateway.address)
	defer asker.close()
	first, next, err := asker.pages(ctx, q)
	if err != nil {
		return err
	}
	fmt.Printf("query: a page of 100 by service, level and the last hour: %s; the next page: %s\n", first, next)
	r.addLatency("a page of 100 by service, level and the last hour, p95", first.at(0.95), pageLimit)
	r.addLatency("the page after it, p95", next.at(0.95), pageLimit)
	for _, kind := range []struct {
		name  string
		n     int
		next  func() string
		limit time.Duration
	}{
		{fmt.Sprintf("a rare word in %d logs", q.logs), words, q.word, wordLimit},
		{"the histogram of a day", histograms, q.histogram, countLimit},
	} {
		took, err := asker.all(ctx, kind.n, kind.next)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		fmt.Printf("query: %s: %s\n", kind.name, took)
		r.addLatency(kind.name+", p95", took.at(0.95), kind.limit)
	}
	fmt.Printf("query: none of these %d searches was answered from the cache: each was another question\n", asker.asked.Load())
	return s.askAtOnce(ctx, r, q)
}

// compareRecent lets the clients ask for the newest logs as fast as they are
// answered, in turns of a gateway with Redis and one without. Each answers with
// 100 logs.
func (s *stack) compareRecent(ctx context.Context, r *report) error {
	var cached, stored, kept float64
	for range rounds {
		speed, share, err := hammer(ctx, s.gateway.address)
		if err != nil {
			return err
		}
		cached, kept = cached+speed/rounds, kept+share/rounds
		if speed, share, err = hammer(ctx, s.bypass.address); err != nil {
			return err
		}
		if share > 0 {
			return errors.New("the gateway without Redis answered from it")
		}
		stored += speed / rounds
	}
	fmt.Printf("query: the newest logs, %d clients: %.0f requests/s, %.1f%% from Redis; %.0f from PostgreSQL\n", recentClients, cached, 100*kept, stored)
	r.add("newest 100 logs, Redis against PostgreSQL", "requests/s", cached, stored, cached/stored, recentBar)
	return nil
}
