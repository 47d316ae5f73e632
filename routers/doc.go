// Package routers says which topic goes to which handler through which
// middleware: one table a role.
//
//	router      topic        from        handler              middleware, outermost first
//	Shipper     requests     HTTP        handlers.Ship        outcome, tracing, metrics, progress, recoverer
//	Consumer    logs         Kafka       handlers.Store       poison, tracing, marked, retry, metrics, progress, recoverer
//	Quarantine  logs.poison  Kafka       handlers.Quarantine  tracing, retry, metrics, progress, recoverer
//	Replay      replay       PostgreSQL  handlers.Replay      tracing, retry, metrics, progress, recoverer
//	Events      stored       PostgreSQL  handlers.Project     tracing, retry, metrics, progress, recoverer
//
// The order matters. The recoverer is innermost, so that a panic is an error
// like any other to the rest. Metrics see each try. Retry is inside the poison
// queue, so that only what failed for good is set aside.
//
//	router.go      Config, and what all routers have: metrics, retries, Publisher
//	shipper.go     Shipper
//	consumer.go    Consumer, and what is hopeless
//	events.go      Events
//	quarantine.go  Quarantine and Replay
package routers
