package server

import (
	"time"

	"github.com/labstack/echo/v4"
)

// Observer is told of each request once it is answered. It must be fast. Safe
// for concurrent use.
type Observer interface {
	// Answered tells of one request: the template of its route, empty when
	// there is none for it, and what the answer's X-Cache says, if anything.
	Answered(method, route string, status int, took time.Duration, cache string)
}

// observe tells the observer of each request.
func observe(observer Observer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		if observer == nil {
			return next
		}
		return func(c echo.Context) error {
			began := time.Now()
			if err := next(c); err != nil {
				// Answered here, so that the status is known below.
				c.Error(err)
			}
			observer.Answered(c.Request().Method, c.Path(), c.Response().Status, time.Since(began), c.Response().Header().Get("X-Cache"))
			return nil
		}
	}
}
