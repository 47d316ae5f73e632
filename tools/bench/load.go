package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"millrace/app"
	"millrace/app/otlp"
	"millrace/app/synthetic"
)

const (
	// clients send side by side, each over a connection of its own that stays
	// open, each its next request when the last is answered.
	clients = 64
	// poolLogs is how many different logs there are to send.
	poolLogs = 128_000
	// retryPause is the wait of a client whose request was refused.
	retryPause = 10 * time.Millisecond
	// answerTimeout is how long a client waits for an answer.
	answerTimeout = time.Minute
)

// load is the requests that clients send, as bytes on the wire, so that sending
// them costs little: the clients share the machine with what they measure.
type load struct {
	logs     int // in each request
	requests [][]byte
	bodies   int // bytes of all bodies
}

// newLoad makes OTLP requests of some logs each. The logs of a request are of
// one service and host, as those of a program are.
func newLoad(logs int) (*load, error) {
	l := &load{logs: logs}
	generator := synthetic.New(1)
	batch := make([]app.Log, logs)
	for range max(clients, poolLogs/logs) {
		for i := range batch {
			batch[i] = generator.Next(time.Now())
			batch[i].Service, batch[i].Host = batch[0].Service, batch[0].Host
		}
		body, err := otlp.Encode(batch)
		if err != nil {
			return nil, err
		}
		head := fmt.Sprintf("POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n", len(body))
		l.requests = append(l.requests, append([]byte(head), body...))
		l.bodies += len(body)
	}
	return l, nil
}

// bytesPerLog is the size of a log in a body.
func (l *load) bytesPerLog() float64 { return float64(l.bodies) / float64(len(l.requests)*l.logs) }

// sent is what clients sent.
type sent struct {
	began   time.Time
	logs    int           // that were accepted
	refused int           // requests, sent again
	took    time.Duration // until the last answer
	cpu     time.Duration // of the clients, that is of this process
}

// run lets the clients send to an address until the time is up or enough logs
// are accepted, and waits for the answers.
func (l *load) run(ctx context.Context, address string, limit time.Duration, enough int) (sent, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	before, err := ownCPU()
	if err != nil {
		return sent{}, err
	}
	out := sent{began: time.Now()}
	var group sync.WaitGroup
	var mu sync.Mutex // guards accepted, refused and failed
	var accepted, refused int
	var failed error
	for c := range clients {
		group.Go(func() {
			a, r, err := l.client(ctx, address, c, enough/clients)
			mu.Lock()
			defer mu.Unlock()
			accepted, refused, failed = accepted+a, refused+r, errors.Join(failed, err)
		})
	}
	group.Wait()
	after, err := ownCPU()
	if err := errors.Join(failed, err); err != nil {
		return sent{}, err
	}
	out.logs, out.refused, out.took, out.cpu = accepted*l.logs, refused, time.Since(out.began), after-before
	return out, nil
}

// client sends requests, beginning at its share of them, until ctx ends or
// enough logs are accepted. It returns how many requests were accepted and
// refused.
func (l *load) client(ctx context.Context, address string, share, enough int) (accepted, refused int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	answers := bufio.NewReaderSize(conn, 8<<10)
	for next := share * len(l.requests) / clients; ctx.Err() == nil && accepted*l.logs < enough; {
		if err := conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
			return accepted, refused, err
		}
		if _, err := conn.Write(l.requests[next%len(l.requests)]); err != nil {
			return accepted, refused, err
		}
		status, err := readStatus(answers)
		switch {
		case err != nil:
			return accepted, refused, err
		case status == 200 || status == 202:
			accepted++
			next++
		case status == 429 || status == 503:
			refused++
			pause := time.NewTimer(retryPause)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
			}
		default:
			return accepted, refused, fmt.Errorf("the answer's status is %d", status)
		}
	}
	return accepted, refused, nil
}

// readStatus reads an answer and returns its status. It reads what our two
// servers write, HTTP/1.1 with a length, and allocates nothing.
func readStatus(r *bufio.Reader) (status int, err error) {
	status, length, _, err := readHead(r)
	if err != nil {
		return 0, err
	}
	_, err = r.Discard(length)
	return status, err
}

// readHead reads what stands before an answer's body, of length bytes. fromCache
// tells that the answer says so of itself.
func readHead(r *bufio.Reader) (status, length int, fromCache bool, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, 0, false, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, 0, false, fmt.Errorf("%q is no answer", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, false, err
	}
	length = -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, 0, false, err
			}
		case bytes.EqualFold(name, []byte("X-Cache")):
			fromCache = string(value) == "hit"
		}
	}
	if length < 0 {
		return 0, 0, false, fmt.Errorf("an answer with status %d has no length", status)
	}
	return status, length, fromCache, nil
}

// ownCPU returns the CPU time that this process has used.
func ownCPU() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
