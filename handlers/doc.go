// Package handlers holds what is done with a message at each hop of the
// pipeline, one file a hop, in the order in which a log passes them:
//
//	generate.go    producer: synthetic logs, at a rate
//	ship.go        shipper: from a request to the batching publisher
//	store.go       consumer: from a batch to PostgreSQL
//	quarantine.go  consumer: from what was set aside to the quarantine
//	replay.go      consumer: from the quarantine back to Kafka
//	project.go     consumer: from a stored batch to the newest logs in Redis
//
// A handler knows its ports and nothing of topics, retries or quarantine:
// those are the routers'.
package handlers
