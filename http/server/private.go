package server

import "github.com/labstack/echo/v4"

var private = []string{"private, no-cache"}

// Private says of an answer that it must not be kept: the next log, or batch,
// changes it.
func Private(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header()[echo.HeaderCacheControl] = private
		return next(c)
	}
}
