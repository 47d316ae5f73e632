package access

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"millrace/app"
)

// crossOrigin lets scripts of the named origins read answers, and those of no
// other: without the headers of CORS their browsers keep them from it.
func crossOrigin(origins []string) echo.MiddlewareFunc {
	if len(origins) == 0 {
		return func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	}
	return middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins:  origins,
		AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowHeaders:  []string{"Authorization", "Cache-Control", "Content-Type", "Content-Encoding", "If-None-Match", "Last-Event-ID", "X-Request-Id"},
		ExposeHeaders: []string{"ETag", "Link", "Retry-After", "X-Cache", "X-Request-Id"},
		MaxAge:        600,
	})
}

// sameOrigin refuses what a page of another site sends through its reader's
// browser, cookie or not: a server on loopback is open to all of that browser's
// pages. Programs that are no browser do not say where a request comes from.
func sameOrigin(origins []string, refused func()) (echo.MiddlewareFunc, error) {
	protection := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, app.Errorf(app.KindInvalid, "access-origins: %w", err)
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := protection.Check(c.Request()); err != nil {
				refused()
				return app.Errorf(app.KindForbidden, "a page of another site sent this: name its origin in the setting access-origins if it may")
			}
			return next(c)
		}
	}, nil
}
