package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// readyTimeout is how long a server may take to answer.
const readyTimeout = 60 * time.Second

// endTimeout is how long a server that was asked to end may take, before it is
// killed.
const endTimeout = 60 * time.Second

// Process is a server. Its methods are for one goroutine at a time.
type Process struct {
	name    string
	log     string // file with its output
	command func() *exec.Cmd
	ready   func(context.Context) error

	running *exec.Cmd // nil once it was ended here
	last    *exec.Cmd // the one that was started last
	exited  chan struct{}
}

// NewProcess returns a process that is not started yet. Its output is appended
// to the file log; it is ready when ready returns nil.
func NewProcess(name, log string, command func() *exec.Cmd, ready func(context.Context) error) *Process {
	return &Process{name: name, log: log, command: command, ready: ready}
}

// Run starts a program that the caller has, and waits until ready returns nil.
// Its output goes to the file log.
func Run(ctx context.Context, name, log string, command func() *exec.Cmd, ready func(context.Context) error) (*Process, error) {
	p := NewProcess(name, log, command, ready)
	return p, p.start(ctx)
}

// start starts the server and waits until it is ready.
func (p *Process) start(ctx context.Context) error {
	if err := p.Launch(); err != nil {
		return err
	}
	if err := p.AwaitReady(ctx); err != nil {
		p.Kill()
		return fmt.Errorf("%s is not ready: %w; %s", p.name, err, p.tail())
	}
	return nil
}

// Launch starts the server and does not wait for anything.
func (p *Process) Launch() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // so that all of it can be ended at once
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	p.running, p.last, p.exited = cmd, cmd, exited
	return nil
}

// AwaitReady waits until the server that was started last is ready, at most a
// minute.
func (p *Process) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// Command returns how the server is started, for people.
func (p *Process) Command() string { return strings.Join(p.command().Args, " ") }

// Start starts a server that was stopped or killed, on its data and its port.
func (p *Process) Start(ctx context.Context) error { return p.start(ctx) }

// Exited is closed when the server that was started last is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitCode returns the exit code of the server that was started last, once
// Exited is closed; it is -1 when a signal ended it.
func (p *Process) ExitCode() int { return p.last.ProcessState.ExitCode() }

// Output returns all that the server wrote.
func (p *Process) Output() string {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// Stop ends the server in order, and waits until it is gone.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

// Kill ends the server as kill -9 does, and waits until it is gone.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

func (p *Process) end(signal syscall.Signal) {
	if p.running == nil {
		return
	}
	p.signal(signal)
	select {
	case <-p.exited:
	case <-time.After(endTimeout):
		p.signal(syscall.SIGKILL)
		<-p.exited
	}
	p.running = nil
}

// Pause freezes the server: it neither answers nor closes its connections.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(signal syscall.Signal) {
	if p.running == nil {
		return
	}
	_ = syscall.Kill(-p.running.Process.Pid, signal)
}

// PID returns the server's process.
func (p *Process) PID() int { return p.running.Process.Pid }

func (p *Process) tail() string {
	lines := strings.Split(strings.TrimSpace(p.Output()), "\n")
	return "its output ends: " + strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// FreePort returns a port on loopback that nobody uses now. It is none of those
// that the kernel gives to connections on their way out, one of which could
// take it before the server does.
func FreePort() (int, error) {
	const first, last = 10_000, 32_000
	for range 1000 {
		port := first + rand.IntN(last-first)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no port from %d to %d is free", first, last)
}

// find returns the first of the programs that exists; patterns may have
// wildcards. packages say what to install.
func find(packages string, patterns ...string) (string, error) {
	for _, pattern := range patterns {
		if path, err := exec.LookPath(pattern); err == nil {
			return path, nil
		}
		matches, _ := filepath.Glob(pattern) // the patterns are ours and right
		if len(matches) > 0 {
			return matches[len(matches)-1], nil
		}
	}
	return "", fmt.Errorf("%s is not installed: apt-get install %s", filepath.Base(patterns[0]), packages)
}
