// Package server sets up what all HTTP servers of Millrace share: limits,
// timeouts, request ids, the request log and problem documents. A role makes
// one with New, mounts its endpoints, and runs it:
//
//	e := server.New(server.Config{Logger: logger})
//	query.Mount(e, …)
//	listener, err := server.Listen(addr, "gateway-addr")
//	err = server.Serve(ctx, e, listener, shutdownTimeout)
//
//	server.go       Config, New
//	serve.go        Listen and Serve: from the address to the last answer
//	request.go      request ids, the request log, panics
//	headers.go      headers that every answer has
//	private.go      and those of answers that must not be kept
//	observe.go      who is told of each answer
//	trace.go        a span for each request
//	within.go       what a request may take
//	certificate.go  TLS
//
// How long anything may take:
//
//	headers                5 s
//	headers and body      60 s
//	all, to the answer   120 s; what an endpoint waits for is bounded by itself
//	a quiet connection   120 s
//
// A server speaks TLS when its Server.TLSConfig is set; Certificate has one that
// is taken anew when its files change.
//
// An endpoint that streams for longer clears its deadlines through an
// http.ResponseController, and ends its streams in e.Server.RegisterOnShutdown.
package server
