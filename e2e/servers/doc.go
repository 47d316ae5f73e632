// Package servers starts real Apache Kafka, PostgreSQL and Redis on loopback,
// each a process of its own with its data in a folder, for tests and
// benchmarks that want the real thing, and lets them be stopped, killed,
// frozen and started again where they were.
//
// What is missing on the machine is named with the package that has it.
//
//	process.go     a process that can be stopped, killed and frozen
//	kafka.go       Kafka, one node, from the jars that Maven fetches
//	postgres.go    PostgreSQL, and replicas of it
//	redis.go       Redis
//	prometheus.go  Prometheus, with a configuration
package servers
