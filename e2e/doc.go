// Package e2e tests Millrace from outside: it builds the binary, runs each
// role as a process of its own on real Apache Kafka, PostgreSQL and Redis, and
// meets it as a client does. Run it with ./task e2e.
//
//	harness/          the binary, the servers and the roles as processes
//	harness_test.go   what one test runs
//	client_test.go    what a client does: sends, asks, counts
//	*_test.go         the scenarios
package e2e
