package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// through returns a client and its server with a proxy between them.
func through(t *testing.T) (*proxy, net.Conn, *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p, err := newProxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	p.to(listener.Addr().String())
	client, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	say(t, client, "hello")
	hear(t, server, "hello")
	return p, client, server.(*net.TCPConn)
}

func say(t *testing.T, to io.Writer, what string) {
	t.Helper()
	if _, err := io.WriteString(to, what); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(bufio.NewReader(from), got); err != nil || string(got) != want {
		t.Fatalf("%q, %v: want %q", got, err, want)
	}
}

// silent expects that nothing comes for a moment.
func silent(t *testing.T, from net.Conn) {
	t.Helper()
	if err := from.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := from.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes came, %v", n, err)
	}
	if err := from.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func broken(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); err == nil {
		t.Fatal("the connection ended in order")
	}
}

func TestCutBreaksBothSides(t *testing.T) {
	p, client, server := through(t)
	if n := p.cut(); n != 1 {
		t.Errorf("%d connections", n)
	}
	broken(t, client)
	broken(t, server)
}

func TestHoldStopsBytesUntilItIsHealed(t *testing.T) {
	p, client, server := through(t)
	p.hold()
	say(t, client, "later")
	silent(t, server)
	p.heal()
	hear(t, server, "later")
}

func TestSlowIsLate(t *testing.T) {
	p, client, server := through(t)
	p.slow(200 * time.Millisecond)
	say(t, client, "later")
	silent(t, server)
	hear(t, server, "later")
}

func TestCutAfterBreaksInTheMiddle(t *testing.T) {
	p, client, server := through(t)
	p.cutAfter(4)
	say(t, client, "too much")
	got, err := io.ReadAll(server)
	if err == nil || len(got) > 3 || string(got) != "too much"[:len(got)] {
		t.Errorf("%q, %v", got, err)
	}
	broken(t, client)
}

func TestRefuseTakesNobody(t *testing.T) {
	p, _, _ := through(t)
	p.refuse()
	another, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer another.Close()
	if n, err := another.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came", n)
	}
}

// After endAnswers the client hears the end, and the server hears the client.
func TestEndAnswers(t *testing.T) {
	p, client, server := through(t)
	p.endAnswers()
	if rest, err := io.ReadAll(client); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	say(t, client, "still here")
	hear(t, server, "still here")
}

// After endRequests it is the other way about.
func TestEndRequests(t *testing.T) {
	p, client, server := through(t)
	p.endRequests()
	if rest, err := io.ReadAll(server); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	say(t, server, "still here")
	hear(t, client, "still here")
}
