package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/app/otlp"
	"millrace/app/synthetic"
)

const (
	// streamRate is how many logs a second come in while searches are measured,
	// in requests of streamLogs.
	streamRate = 5000
	streamLogs = 100
	// backlog is how many logs wait in Kafka when it is measured what searching
	// costs storing, backlogPool how many different batches they are.
	backlog     = 5_000_000
	backlogPool = 100
	// sharingTurn is how long storing has, with searches and without, and
	// sharingRounds how often, each time in the other order.
	sharingTurn   = 4 * time.Second
	sharingRounds = 4
	// What people ask a second while storing is as fast as it can be: twenty who
	// have the newest logs before them, and some who search.
	someRecent, somePages, someWords, someHistograms = 20, 2, 1, 1
)

// stream sends logs to a shipper at a steady pace.
type stream struct {
	stop    context.CancelFunc
	done    chan struct{}
	began   time.Time
	sent    int           // logs that were accepted, once done is closed
	late    time.Duration // the most that a request was behind its time
	took    time.Duration
	failure error
}

func startStream(ctx context.Context, address string) *stream {
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{stop: cancel, done: make(chan struct{}), began: time.Now()}
	go func() {
		defer close(s.done)
		generator, client := synthetic.New(7), &http.Client{Timeout: answerTimeout}
		defer client.CloseIdleConnections()
		logs := make([]app.Log, streamLogs)
		err := tick(ctx, streamRate/streamLogs, func(due time.Time) {
			if s.failure != nil {
				return
			}
			s.late = max(s.late, time.Since(due))
			for i := range logs {
				logs[i] = generator.Next(time.Now())
			}
			if s.failure = post(client, address, logs); s.failure == nil {
				s.sent += len(logs)
			}
		})
		s.failure = errors.Join(s.failure, err)
		s.took = time.Since(s.began)
	}()
	return s
}

// post sends logs, as a program does that has some.
func post(client *http.Client, address string, logs []app.Log) error {
	body, err := otlp.Encode(logs)
	if err != nil {
		return err
	}
	response, err := client.Post("http://"+address+"/v1/logs", "application/x-protobuf", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the shipper answered %s", response.Status)
	}
	return nil
}

// end stops the stream.
func (s *stream) end() error {
	s.stop()
	<-s.done
	return s.failure
}

// tellStream waits until all that came in is stored, and tells of it.
func (s *stack) tellStream(ctx context.Context, r *report, in *stream) error {
	before := time.Now()
	if err := s.awaitStored(ctx, int64(in.sent)); err != nil {
		return err
	}
	after := time.Since(before)
	var lag float64
	const p99 = "SELECT coalesce(extract(epoch FROM percentile_disc(0.99) WITHIN GROUP (ORDER BY stored_at - sealed_at)), 0)::float8" + fromStream
	if err := s.watch.QueryRow(ctx, p99).Scan(&lag); err != nil {
		return err
	}
	rate := float64(in.sent) / in.took.Seconds()
	fmt.Printf("query: meanwhile %d logs came in, %.0f a second, a request at most %s late; all were stored %s after the last, p99 of a batch from its sealing to its commit %.0f ms\n",
		in.sent, rate, in.late.Round(time.Millisecond), after.Round(storedPoll), lag*1000)
	r.add("logs that came in while searching, of those that were sent", "logs/s", rate, streamRate, rate/streamRate, intakeShare)
	return nil
}

const (
	// fromStream selects the batches of what came in while searching.
	fromStream = " FROM ledger WHERE shipper NOT IN ('fill', 'warm')"
	// storedPoll is the pause between looks at what is stored, and so how
	// exactly it is known when all was.
	storedPoll = 10 * time.Millisecond
)

// awaitStored waits until that many logs of those that came in are stored.
func (s *stack) awaitStored(ctx context.Context, logs int64) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	tick := time.NewTicker(storedPoll)
	defer tick.Stop()
	for {
		var stored int64
		err := s.watch.QueryRow(ctx, "SELECT coalesce(sum(stored), 0)"+fromStream).Scan(&stored)
		if err != nil || stored >= logs {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of the %d logs that came in are stored: %w", stored, logs, ctx.Err())
		}
	}
}

// measureSharing compares how many logs a second are stored of a backlog, so as
// fast as it can be, while people search, and while they do not.
func (s *stack) measureSharing(ctx context.Context, r *report) error {
	if err := shipBacklog(s.bench.kafka.Brokers); err != nil {
		return err
	}
	var with, without float64
	for round := range sharingRounds {
		for turn := range 2 {
			searching := (round+turn)%2 == 0
			speed, err := s.storingSpeed(ctx, searching)
			if err != nil {
				return err
			}
			if searching {
				with += speed / sharingRounds
			} else {
				without += speed / sharingRounds
			}
		}
	}
	left, err := s.backlogLeft(ctx)
	if err != nil {
		return err
	}
	if left == 0 {
		return errors.New("the backlog was stored before the end: it is too small for this machine")
	}
	fmt.Printf("query: of a backlog %.0f logs/s are stored, and %.0f while %d ask for the newest logs, %d for a page, %d for a rare word and %d for a histogram a second\n",
		without, with, someRecent, somePages, someWords, someHistograms)
	r.addSpeed("storing at full speed, while people search against without", with, without, intakeShare)
	return nil
}

// shipBacklog puts the backlog on the topic.
func shipBacklog(brokers []string) error {
	cfg := app.DefaultConfig().Kafka
	cfg.Brokers = brokers
	pub, err := kafka.NewPublisher(cfg)
	if err != nil {
		return err
	}
	defer pub.Close()
	generator := synthetic.New(8)
	logs := make([]app.Log, batchLogs)
	var payloads [][]byte
	for range backlogPool {
		for i := range logs {
			logs[i] = generator.Next(time.Now())
		}
		payload, err := otlp.Encode(logs)
		if err != nil {
			return err
		}
		payloads = append(payloads, payload)
	}
	for n := 0; n < backlog/batchLogs; {
		var together []*message.Message
		for range bareTogether {
			head := app.BatchHead{Shipper: "backlog", First: uint64(n*batchLogs + 1), Count: batchLogs, SealedAt: time.Now()}
			msg := message.NewMessage(head.ID(), payloads[n%len(payloads)])
			msg.Metadata = head.Metadata()
			together = append(together, msg)
			n++
		}
		if err := pub.Publish(app.TopicLogs, together...); err != nil {
			return err
		}
	}
	return nil
}

// backlogLeft returns how many logs of the backlog are not stored.
func (s *stack) backlogLeft(ctx context.Context) (logs int64, err error) {
	err = s.watch.QueryRow(ctx, "SELECT $1 - coalesce(sum(stored), 0) FROM ledger WHERE shipper = 'backlog'", int64(backlog)).Scan(&logs)
	return logs, err
}

// storingSpeed returns how many logs a second are stored in a turn.
func (s *stack) storingSpeed(ctx context.Context, searching bool) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	turn, end := context.WithCancel(ctx)
	var group sync.WaitGroup
	var failed error
	if searching {
		group.Go(func() { failed = s.searchSome(turn) })
	}
	before, err := s.storedLogs(ctx)
	began := time.Now()
	pause := time.NewTimer(sharingTurn)
	<-pause.C
	after, errAfter := s.storedLogs(ctx)
	took := time.Since(began)
	end()
	group.Wait()
	return float64(after-before) / took.Seconds(), errors.Join(err, errAfter, failed)
}

// searchSome asks as people do until ctx ends.
func (s *stack) searchSome(ctx context.Context) error {
	asker, q := newAsker(s.gateway.address), newQuestions(s.bench.logs)
	defer asker.close()
	var group sync.WaitGroup
	var mu sync.Mutex // guards failed and q
	var failed error
	every := func(rate int, next func() string) {
		group.Go(func() {
			note := func(err error) {
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
			}
			note(tick(ctx, rate, func(time.Time) {
				mu.Lock()
				question := next()
				mu.Unlock()
				if _, _, _, err := asker.get(ctx, question); err != nil && ctx.Err() == nil {
					note(err)
				}
			}))
		})
	}
	every(someRecent, func() string { return "/api/query/recent" })
	every(somePages, q.page)
	every(someWords, q.word)
	every(someHistograms, q.histogram)
	group.Wait()
	return failed
}
