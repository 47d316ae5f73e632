package postgres_test

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a DB and the server, and cuts connections.
type proxy struct {
	server   string
	listener net.Listener
	wait     sync.WaitGroup

	toServer, toClient atomic.Int64 // bytes that still pass; negative: no limit
	refuses            atomic.Bool
	gate               sync.RWMutex // held by who swallows what comes

	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu
}

// newProxy returns a proxy and the URL that leads through it to the database
// at another URL.
func newProxy(t *testing.T, at string) (*proxy, string) {
	t.Helper()
	address, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: address.Host, conns: map[net.Conn]bool{}}
	p.heal()
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.wait.Go(p.accept)
	t.Cleanup(func() {
		p.listener.Close()
		p.cut()
		p.wait.Wait()
	})
	address.Host = p.listener.Addr().String()
	return p, address.String()
}

// heal lets everything pass.
func (p *proxy) heal() {
	p.toServer.Store(-1)
	p.toClient.Store(-1)
	p.refuses.Store(false)
}

// cut ends every connection at once.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
	clear(p.conns)
}

// swallow stops every byte, without a word to either side, until resume.
func (p *proxy) swallow() (resume func()) {
	p.gate.Lock()
	return p.gate.Unlock
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil || p.refuses.Load() {
			client.Close()
			if err == nil {
				server.Close()
			}
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.wait.Go(func() { p.pipe(client, server, &p.toServer) })
		p.wait.Go(func() { p.pipe(server, client, &p.toClient) })
	}
}

// pipe carries bytes while left lasts, and then ends both ways.
func (p *proxy) pipe(from, to net.Conn, left *atomic.Int64) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.gate.RLock()
		p.gate.RUnlock() //nolint:staticcheck // it only waits
		if before := left.Load(); before >= 0 {
			pass := min(int64(n), before)
			left.Store(before - pass)
			_, _ = to.Write(buffer[:pass])
			if pass < int64(n) {
				return
			}
		} else if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
		if err != nil {
			return
		}
	}
}
