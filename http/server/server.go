package server

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"millrace/http/problem"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 60 * time.Second
	// writeTimeout begins with the request. It leaves a minute for handling
	// one whose body took all its time, and for a slow reader of the answer.
	writeTimeout   = readTimeout + 60*time.Second
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 32 << 10
)

// Config is how a server is set up.
type Config struct {
	Logger *slog.Logger // required
	// MaxBody is the largest body in bytes as it is sent, before any
	// decompression; 0 means 1 MiB. An endpoint may allow less, never more.
	MaxBody int64
	// Observer is told of each answer; it may be nil.
	Observer Observer
	// Tracing gives each request a span, but for those that look into the
	// program itself. Nil: nothing is traced.
	Tracing trace.TracerProvider
}

func (c *Config) setDefaults() {
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
}

// New returns a server without endpoints. Each request has an id, which its
// answer repeats and the log shows; a panic is answered like any error.
func New(cfg Config) *echo.Echo {
	cfg.setDefaults()
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard) // ours is the one in cfg
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = problem.Handler(cfg.Logger)

	e.Server.ErrorLog = slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug)
	e.Server.ReadHeaderTimeout = headerTimeout
	e.Server.ReadTimeout = readTimeout
	e.Server.WriteTimeout = writeTimeout
	e.Server.IdleTimeout = idleTimeout
	e.Server.MaxHeaderBytes = maxHeaderBytes

	e.Use(
		requestID(newRequestIDs()),
		traced(cfg.Tracing),
		requestLog(cfg.Logger),
		observe(cfg.Observer),
		recoverPanics,
		secureHeaders,
		limitBody(cfg.MaxBody),
	)
	return e
}

// limitBody bounds what can be read of a request's body.
func limitBody(limit int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if r.Body != nil && r.Body != http.NoBody {
				r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, limit)
			}
			return next(c)
		}
	}
}
