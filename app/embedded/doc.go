// Package embedded starts the servers that Millrace brings along, so that one
// command runs it on a machine with nothing but Go: a Kafka broker in this
// process (kfake), a real PostgreSQL (fetched once), and a Redis in this
// process (miniredis).
//
// All listen on loopback alone. Kafka and PostgreSQL keep their data in a
// folder, flushed to disk before they acknowledge it, and find it again after
// a stop or a crash. Redis keeps nothing: it is a cache.
//
//	kafka.go      the broker
//	janitor.go    keeps the broker's disk use within bounds
//	postgres.go   the database server: its life
//	initdb.go     its programs and its data folder
//	account.go    running it as another user when we are root
//	redis.go      the cache
//	port.go       which ports
//	lock.go       one program to a folder
package embedded
