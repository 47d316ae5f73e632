package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// askAtOnce has many ask the same at once, and counts what PostgreSQL was asked.
// They are connected before: a thousand connections take a busy machine longer
// to make than an answer is fresh, and who asks then has it worked out anew by
// right.
func (s *stack) askAtOnce(ctx context.Context, r *report, q *questions) error {
	before, err := s.pagesSearched(ctx)
	if err != nil {
		return err
	}
	if before == 0 {
		return errors.New("PostgreSQL does not tell of its searches")
	}
	conns, err := connect(s.gateway.address, equals)
	defer closeAll(conns)
	if err != nil {
		return err
	}
	question := []byte("GET " + q.page() + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	var group sync.WaitGroup
	failures := make(chan error, len(conns))
	begin := make(chan struct{})
	for _, conn := range conns {
		group.Go(func() {
			<-begin
			_, err := askOver(conn, bufio.NewReader(conn), question)
			failures <- err
		})
	}
	began := time.Now()
	close(begin)
	group.Wait()
	took := time.Since(began)
	close(failures)
	for failure := range failures {
		err = errors.Join(err, failure)
	}
	after, errAfter := s.pagesSearched(ctx)
	if err := errors.Join(err, errAfter); err != nil {
		return fmt.Errorf("equal searches at once: %w", err)
	}
	fmt.Printf("query: %d equal searches at once were answered in %s by %d of PostgreSQL\n", equals, took.Round(time.Millisecond), after-before)
	r.addCost(fmt.Sprintf("PostgreSQL's searches for %d equal ones at once", equals), "searches", float64(after-before), 1, 1)
	return nil
}

// pagesSearched returns how often PostgreSQL was asked for a page of a service.
func (s *stack) pagesSearched(ctx context.Context) (n int64, err error) {
	const calls = `SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE query LIKE '%FROM logs WHERE%service = $%ORDER BY time%'`
	err = s.watch.QueryRow(ctx, calls).Scan(&n)
	return n, err
}

// connect makes connections, which the caller closes also when it fails.
func connect(address string, n int) (conns []net.Conn, err error) {
	for range n {
		conn, err := net.DialTimeout("tcp", address, answerTimeout)
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		conn.Close()
	}
}
