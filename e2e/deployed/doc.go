// Package deployed tests what is told to those who run Millrace for real, on
// real Kafka, PostgreSQL, Redis and Prometheus.
//
//	harness_test.go  the servers, and waiting
//	model_test.go    compose.yaml, as Docker Compose's own parser reads it, run as processes
//	prometheus_test.go  Prometheus, as compose.yaml mounts its configuration
//	compose_test.go  what compose.yaml starts works
//	kubernetes_test.go  the settings of the manifests
//	scale_test.go    many shippers, consumers and gateways that come and go
package deployed
