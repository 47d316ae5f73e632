package server

import "github.com/labstack/echo/v4"

// secureHeaders tells browsers to make nothing of an answer but what it says it
// is. An endpoint that serves pages sets a Content-Security-Policy of its own.
func secureHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if c.IsTLS() {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}
