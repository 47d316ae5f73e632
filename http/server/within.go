package server

import (
	"context"
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// Within ends the context of a request after a time, and says so in place of
// whatever error comes of that: what took too long, and what may help. The
// handler itself is never abandoned: one that were would go on writing an answer
// that belongs to the next request.
func Within(timeout time.Duration, what, help string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx, cancel := context.WithTimeout(c.Request().Context(), timeout)
			defer cancel()
			c.SetRequest(c.Request().WithContext(ctx))
			err := next(c)
			if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return &app.Error{Kind: app.KindTimeout, Err: err, Message: what + " took longer than " + timeout.String() + ": " + help}
			}
			return err
		}
	}
}
