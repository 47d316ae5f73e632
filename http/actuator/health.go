package actuator

import (
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// The statuses of Spring Boot that are used here.
const (
	statusUp   = "UP"
	statusDown = "DOWN"
)

// condition is what Spring Boot says of a component, and of all together.
type condition struct {
	Status     string               `json:"status"`
	Components map[string]condition `json:"components,omitempty"`
	Details    map[string]string    `json:"details,omitempty"`
	Groups     []string             `json:"groups,omitempty"`
}

func conditionOf(c app.Check, err error) condition {
	details := app.DetailsOf(c)
	if err == nil {
		return condition{Status: statusUp, Details: details}
	}
	told := map[string]string{"error": err.Error()}
	maps.Copy(told, details)
	return condition{Status: statusDown, Details: told}
}

type health struct {
	checks *checks // all
	needed *checks // those of readiness
	alive  *checks // one, or none
}

func newHealth(cfg Config) *health {
	h := &health{checks: newChecks(cfg.Checks, cfg.Timeout), needed: &checks{timeout: cfg.Timeout}}
	for i, given := range cfg.Checks {
		if app.IsNeeded(given) {
			h.needed.all = append(h.needed.all, h.checks.all[i])
		}
	}
	var alive []app.Check
	if cfg.Alive != nil {
		alive = append(alive, cfg.Alive)
	}
	h.alive = newChecks(alive, cfg.Timeout)
	return h
}

// all answers GET /actuator/health.
func (h *health) all(c echo.Context) error {
	overall := overall(h.checks)
	overall.Groups = []string{"liveness", "readiness"}
	return send(c, overall)
}

// readiness answers GET /actuator/health/readiness.
func (h *health) readiness(c echo.Context) error { return send(c, overall(h.needed)) }

// liveness answers GET /actuator/health/liveness. It asks no server: to restart
// this process mends nothing that is wrong with another.
func (h *health) liveness(c echo.Context) error { return send(c, overall(h.alive)) }

// one answers GET /actuator/health/NAME.
func (h *health) one(c echo.Context) error {
	name := c.Param("name")
	i := slices.IndexFunc(h.checks.all, func(one *check) bool { return one.Name() == name })
	if i < 0 {
		return app.Errorf(app.KindNotFound, "nothing named %q is checked here: see /actuator/health", name)
	}
	one := h.checks.all[i]
	return send(c, conditionOf(one.Check, one.result(h.checks.timeout)))
}

func overall(checks *checks) condition {
	overall := condition{Status: statusUp, Components: map[string]condition{}}
	for i, err := range checks.run() {
		overall.Components[checks.all[i].Name()] = conditionOf(checks.all[i].Check, err)
		if err != nil {
			overall.Status = statusDown
		}
	}
	return overall
}

func send(c echo.Context, what condition) error {
	status := http.StatusOK
	if what.Status != statusUp {
		status = http.StatusServiceUnavailable
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(status, what)
}
