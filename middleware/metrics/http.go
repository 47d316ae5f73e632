package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// HTTP counts the requests that a role answers. It is the Observer of
// http/server.
type HTTP struct {
	took  *prometheus.HistogramVec
	cache *prometheus.CounterVec
}

// NewHTTP registers the metrics of requests.
func NewHTTP(r prometheus.Registerer) *HTTP {
	return &HTTP{
		took: promauto.With(r).NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time of a request until its answer was written, by route.",
			Buckets: []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route", "status"}),
		cache: promauto.With(r).NewCounterVec(prometheus.CounterOpts{
			Name: "cache_answers_total", Help: "Queries that the cache might answer, by what it did: hit, stale, miss or bypass.",
		}, []string{"route", "result"}),
	}
}

// methods are those that have a label of their own: a client may send any word.
var methods = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true}

// cacheResults likewise.
var cacheResults = map[string]bool{"hit": true, "stale": true, "miss": true, "bypass": true}

// Answered implements server.Observer. route is a template, or empty for what
// no route takes; cache is what the answer says of the cache, or empty.
func (h *HTTP) Answered(method, route string, status int, took time.Duration, cache string) {
	if !methods[method] {
		method = "other"
	}
	if route == "" {
		route = "none"
	}
	h.took.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
	if cacheResults[cache] {
		h.cache.WithLabelValues(route, cache).Inc()
	}
}
