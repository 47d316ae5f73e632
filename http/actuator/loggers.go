package actuator

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// root is the name of the one logger that there is, as Spring has it.
const root = "ROOT"

// levels are those that may be set, from the quietest.
var levels = []string{"ERROR", "WARN", "INFO", "DEBUG"}

// loggers shows and changes from which level on the role logs.
type loggers struct {
	level      *slog.LevelVar
	configured slog.Level // what it was at first
}

// logger is a logger as Spring Boot shows it.
type logger struct {
	Configured string `json:"configuredLevel"`
	Effective  string `json:"effectiveLevel"`
}

func (l *loggers) now() logger {
	name := l.level.Level().String()
	return logger{name, name}
}

// all answers GET /actuator/loggers.
func (l *loggers) all(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]any{"levels": levels, "loggers": map[string]logger{root: l.now()}})
}

// one answers GET /actuator/loggers/ROOT.
func (l *loggers) one(c echo.Context) error {
	if err := isRoot(c); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, l.now())
}

// set answers PUT and POST /actuator/loggers/ROOT with {"configuredLevel":"DEBUG"};
// null is what it was when the role started.
func (l *loggers) set(c echo.Context) error {
	if err := isRoot(c); err != nil {
		return err
	}
	var wanted struct {
		Level *string `json:"configuredLevel"`
	}
	if err := json.NewDecoder(c.Request().Body).Decode(&wanted); err != nil {
		return app.Errorf(app.KindInvalid, `the body is no logger: want {"configuredLevel":"DEBUG"}`)
	}
	level := l.configured
	if wanted.Level != nil {
		name := strings.ToUpper(*wanted.Level)
		if !slices.Contains(levels, name) || level.UnmarshalText([]byte(name)) != nil {
			return &app.Error{Kind: app.KindInvalid, Field: "configuredLevel", Message: "configuredLevel is " + *wanted.Level + ": want one of " + strings.Join(levels, ", ")}
		}
	}
	l.level.Set(level)
	return c.NoContent(http.StatusNoContent)
}

func isRoot(c echo.Context) error {
	if name := c.Param("name"); !strings.EqualFold(name, root) {
		return app.Errorf(app.KindNotFound, "there is no logger %q: the only one is %s", name, root)
	}
	return nil
}
