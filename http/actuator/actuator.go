package actuator

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"millrace/app"
)

// Config is what the endpoints show.
type Config struct {
	Gatherer prometheus.Gatherer // the role's own registry; required
	Checks   []app.Check         // what the role uses; each has a name of its own
	Alive    app.Check           // whether the role gets on; nil: it does as long as it answers
	Timeout  time.Duration       // longest time a check may take; 0 means 1 s
	Level    *slog.LevelVar      // from which level on the role logs; nil: it cannot be changed
}

func (c *Config) setDefaults() {
	if c.Timeout == 0 {
		c.Timeout = time.Second
	}
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	switch {
	case c.Gatherer == nil:
		return errors.New("actuator: Gatherer is missing")
	case c.Timeout < 0:
		return errors.New("actuator: Timeout must not be negative")
	}
	return nil
}

// Mount adds the endpoints to a server.
func Mount(e *echo.Echo, cfg Config) error {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	health := newHealth(cfg)
	metrics := &metrics{cfg.Gatherer}
	scrape := echo.WrapHandler(promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))

	get := func(path string, handle echo.HandlerFunc) {
		e.Match([]string{http.MethodGet, http.MethodHead}, path, handle)
	}
	get("/metrics", scrape)
	get("/actuator", links)
	get("/actuator/prometheus", scrape)
	get("/actuator/health", health.all)
	get("/actuator/health/liveness", health.liveness)
	get("/actuator/health/readiness", health.readiness)
	get("/actuator/health/:name", health.one)
	get("/actuator/metrics", metrics.names)
	get("/actuator/metrics/:name", metrics.one)
	if cfg.Level != nil {
		loggers := &loggers{level: cfg.Level, configured: cfg.Level.Level()}
		get("/actuator/loggers", loggers.all)
		get("/actuator/loggers/:name", loggers.one)
		e.Match([]string{http.MethodPut, http.MethodPost}, "/actuator/loggers/:name", loggers.set)
	}
	return nil
}

// link is one of Spring's links; a templated one has a part to fill in.
type link struct {
	Href      string `json:"href"`
	Templated bool   `json:"templated"`
}

// links answers GET /actuator.
func links(c echo.Context) error {
	base := c.Scheme() + "://" + c.Request().Host + "/actuator"
	return c.JSON(http.StatusOK, map[string]any{"_links": map[string]link{
		"self":                       {Href: base},
		"health":                     {Href: base + "/health"},
		"health-path":                {Href: base + "/health/{*path}", Templated: true},
		"loggers":                    {Href: base + "/loggers"},
		"loggers-name":               {Href: base + "/loggers/{name}", Templated: true},
		"metrics":                    {Href: base + "/metrics"},
		"metrics-requiredMetricName": {Href: base + "/metrics/{requiredMetricName}", Templated: true},
		"prometheus":                 {Href: base + "/prometheus"},
	}})
}
