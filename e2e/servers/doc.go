// Package servers starts real Apache Kafka, PostgreSQL and Redis on loopback,
// each a process of its own with its data in a folder, for tests and
// benchmarks that want the real thing, and lets them be stopped, killed,
// frozen and started again where they were.
//
// What is missing on the machine is named with the package that has it.
package servers
