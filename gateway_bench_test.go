package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"millrace/app"
	"millrace/app/otlp"
	"millrace/http/query"
)

// sameLogs are always the newest.
type sameLogs struct{ app.RecentAnswer }

func (s sameLogs) Newest(context.Context, int) (app.RecentAnswer, error) { return s.RecentAnswer, nil }

// noStore is never asked.
type noStore struct {
	app.LogReader
	app.LogFinder
	app.LogCounter
	app.LogWalker
}

// nowhere is where answers go that nobody reads.
type nowhere struct {
	io.Writer
	header http.Header
}

func (n nowhere) Header() http.Header { return n.header }
func (n nowhere) WriteHeader(int)     {}

// BenchmarkNewest answers with the newest logs from memory, through all that
// stands before every endpoint of a gateway, but for the socket: it tells what
// our own part of a request costs.
func BenchmarkNewest(b *testing.B) {
	cfg := app.Config{LogLevel: "info"}
	cfg.Access.Mode = "off"
	r := newRole("gateway", cfg)
	defer r.close()
	e, err := r.newServer(0)
	if err != nil {
		b.Fatal(err)
	}
	document, err := mountDocument(e)
	if err != nil {
		b.Fatal(err)
	}
	array := []byte("[" + strings.Repeat(`{"message":"`+strings.Repeat("m", 200)+`"},`, 99) + `{"message":"m"}]`)
	logs := sameLogs{app.RecentAnswer{Array: array, Packed: query.Pack(array), Tag: strings.Repeat("t", 32), Source: app.FromCache}}
	none := noStore{}
	if err := query.Mount(e, query.Config{
		Document: document, Recent: logs, Reader: none, Finder: none, Counter: none, Walker: none, EncodeOTLP: otlp.EncodeJSON,
	}); err != nil {
		b.Fatal(err)
	}
	const asked = "GET /api/query/recent HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(asked)))
	if err != nil {
		b.Fatal(err)
	}
	request.RemoteAddr = "127.0.0.1:4567"
	b.ReportAllocs()
	for b.Loop() {
		e.ServeHTTP(nowhere{io.Discard, http.Header{}}, request)
	}
}
