// Package actuator lets people and probes look into a role, at the addresses
// and in the JSON of Spring Boot's actuator, and for Prometheus.
//
//	GET /metrics                     everything in Prometheus' format; also /actuator/prometheus
//	GET /actuator                    links to what follows
//	GET /actuator/health             UP, or 503 and DOWN, with each thing that is needed; also /actuator/health/NAME
//	GET /actuator/health/liveness    UP as long as the process answers and gets on with its work
//	GET /actuator/health/readiness   UP when everything can be used that it cannot do without (app.Helpful)
//	GET /actuator/metrics            names of metrics
//	GET /actuator/metrics/NAME       one metric; ?tag=KEY:VALUE chooses among its series
//	GET /actuator/loggers            from which level on the role logs; PUT or POST /actuator/loggers/ROOT changes it
//
//	actuator.go     Config and Mount
//	health.go       the answers about health
//	checks.go       running checks, side by side and each for a limited time
//	metrics.go      the answers about metrics
//	measurement.go  from a Prometheus series to Spring's measurements
//	loggers.go      the answers about the log
//	names.go        from Prometheus' names to Spring's
//
// Metrics are those of one Prometheus registry, whatever they are.
package actuator
