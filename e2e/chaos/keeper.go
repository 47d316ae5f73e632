package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// machine is a process that can be broken: a server or a role.
type machine interface {
	Launch() error
	Start(context.Context) error
	Stop()
	Kill()
	Pause()
	Resume()
	Exited() <-chan struct{}
	ExitCode() int
	Output() string
	AwaitReady(context.Context) error
}

// restartPause is how soon a process that ended by itself is started again.
const restartPause = 500 * time.Millisecond

// keeper starts a process again when it ended by itself, as whatever runs
// services does, and lets one fault at a time have it.
type keeper struct {
	name string
	note func(event)
	mu   sync.Mutex
	it   machine
}

// watch keeps the process running until ctx ends.
func (k *keeper) watch(ctx context.Context) {
	for {
		k.mu.Lock()
		exited := k.it.Exited()
		k.mu.Unlock()
		select {
		case <-exited:
		case <-ctx.Done():
			return
		}
		if !wait(ctx, restartPause) {
			return
		}
		k.mu.Lock()
		if k.it.Exited() == exited { // and no fault has started it again
			k.note(event{Target: k.name, What: fmt.Sprintf("ended by itself with %d and is started again: %s", k.it.ExitCode(), lastLine(k.it.Output()))})
			if err := k.it.Launch(); err != nil {
				k.note(event{Target: k.name, What: "cannot be started: " + err.Error()})
			}
		}
		k.mu.Unlock()
	}
}

// kill ends the process as kill -9 does and starts it after a while.
func (k *keeper) kill(ctx context.Context, away time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.it.Kill()
	wait(ctx, away)
	return k.it.Launch()
}

// stop asks the process to end and starts it after a while.
func (k *keeper) stop(ctx context.Context, away time.Duration) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.it.Stop()
	code := k.it.ExitCode()
	wait(ctx, away)
	return code, k.it.Launch()
}

// freeze stops the process for a while in the middle of whatever it does.
func (k *keeper) freeze(ctx context.Context, away time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.it.Pause()
	wait(ctx, away)
	k.it.Resume()
}

// awaitReady waits until the process answers, whoever starts it meanwhile.
func (k *keeper) awaitReady(ctx context.Context) error {
	for {
		k.mu.Lock()
		err := k.it.AwaitReady(ctx)
		k.mu.Unlock()
		if err == nil {
			return nil
		}
		if !wait(ctx, restartPause) {
			return fmt.Errorf("%s is not ready: %w", k.name, err)
		}
	}
}

func lastLine(output string) string {
	output = strings.TrimSpace(output)
	return output[strings.LastIndexByte(output, '\n')+1:]
}

// wait waits and returns false when ctx ended meanwhile.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
