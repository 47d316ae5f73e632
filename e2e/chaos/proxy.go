package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// proxy stands between two, and is the bad network between them. Its methods
// may be called from any goroutine.
type proxy struct {
	listener net.Listener
	work     sync.WaitGroup

	mu      sync.Mutex
	target  string
	links   map[*link]bool
	refuses bool
	delay   time.Duration
	held    chan struct{} // nil, or closed when bytes may pass again
	left    int           // bytes until everything is cut, when limited
	limited bool
}

// link is one connection: the client's to us and ours to the server.
type link struct {
	client, server *net.TCPConn
	once           sync.Once
	ended          chan struct{}
}

// newProxy listens on a free address; to says whom it stands before.
func newProxy() (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, links: map[*link]bool{}}
	p.work.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// to sets the server's address.
func (p *proxy) to(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = addr
}

// close ends every connection and the proxy.
func (p *proxy) close() {
	p.listener.Close()
	p.heal()
	p.cut()
	p.work.Wait()
}

// heal ends every fault that lasts.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses, p.delay, p.limited = false, 0, false
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// cut resets every connection, and returns how many there were.
func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
	return len(p.links)
}

// refuse ends every connection as soon as it is opened.
func (p *proxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = true
}

// slow makes every piece of bytes late.
func (p *proxy) slow(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = by
}

// hold lets no byte pass and says nothing to either side.
func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
}

// cutAfter resets every connection once n more bytes went to the servers: in
// the middle of a request, or between it and its answer.
func (p *proxy) cutAfter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.limited = n, true
}

// endAnswers tells the clients of the open connections that no more will come,
// while what they send still arrives; endRequests is the other way about.
func (p *proxy) endAnswers() int { return p.halfClose(func(l *link) *net.TCPConn { return l.client }) }

func (p *proxy) endRequests() int {
	return p.halfClose(func(l *link) *net.TCPConn { return l.server })
}

func (p *proxy) halfClose(side func(*link) *net.TCPConn) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		_ = side(l).CloseWrite() // it may be gone already, which is as well
	}
	return len(p.links)
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuses, target := p.refuses, p.target
		p.mu.Unlock()
		if refuses {
			client.Close()
			continue
		}
		p.work.Go(func() { p.serve(client.(*net.TCPConn), target) })
	}
}

func (p *proxy) serve(client *net.TCPConn, target string) {
	server, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		client.Close()
		return
	}
	l := &link{client: client, server: server.(*net.TCPConn), ended: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = true
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pipe(l, l.client, l.server, true) })
	both.Go(func() { p.pipe(l, l.server, l.client, false) })
	both.Wait()
	l.reset()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// pipe carries bytes one way until that way ends, and passes the end on.
func (p *proxy) pipe(l *link, from, to *net.TCPConn, toServer bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !p.pass(l) {
			return
		}
		may := n
		if toServer {
			may = p.take(n)
		}
		if _, failed := to.Write(buffer[:may]); failed != nil {
			// The other way may still have something to say.
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if may < n {
			p.cut()
			return
		}
		if err != nil {
			_ = to.CloseWrite()
			return
		}
	}
}

// pass waits until bytes may pass. It returns false when the link ended.
func (p *proxy) pass(l *link) bool {
	p.mu.Lock()
	delay, held := p.delay, p.held
	p.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.ended:
			return false
		}
	}
	if held != nil {
		select {
		case <-held:
		case <-l.ended:
			return false
		}
	}
	return true
}

// take returns how many of n bytes may go to the server.
func (p *proxy) take(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.limited {
		return n
	}
	n = min(n, p.left)
	if p.left -= n; p.left == 0 {
		p.limited = false
		return max(0, n-1) // so that it is one short
	}
	return n
}

// reset ends a link so that both sides see it broken, not ended.
func (l *link) reset() {
	l.once.Do(func() {
		close(l.ended)
		for _, conn := range []*net.TCPConn{l.client, l.server} {
			_ = conn.SetLinger(0) // a connection that is gone needs none
			conn.Close()
		}
	})
}
