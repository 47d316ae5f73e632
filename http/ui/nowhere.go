package ui

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// nowhere answers a browser that asks for an address that there is not with a
// page, or leads it to the login if nobody has let it in; all else is for next.
func (h *handlers) nowhere(next echo.HTTPErrorHandler) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed || !browses(c) {
			next(err, c)
			return
		}
		var missing *echo.HTTPError
		switch {
		case errors.As(err, &missing) && missing.Code == http.StatusNotFound:
			err = secure(h.nothing)(c)
		case c.Path() == "" && app.KindOf(err) == app.KindUnauthenticated:
			c.Response().Header().Del(echo.HeaderWWWAuthenticate)
			err = toLogin(c, "/")
		}
		if err != nil {
			next(err, c)
		}
	}
}

// browses tells whether a person asks with a browser, and not for the API.
func browses(c echo.Context) bool {
	r := c.Request()
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get(echo.HeaderAccept), "text/html") &&
		!strings.HasPrefix(r.URL.Path, "/api/") && !strings.HasPrefix(r.URL.Path, "/v1/")
}

func (h *handlers) nothing(c echo.Context) error {
	return h.render(c, "nowhere.html", page{Title: "No such page", Trouble: &trouble{
		Status: http.StatusNotFound, Name: "There is no such page",
		Detail: "There is nothing at " + c.Request().URL.Path,
	}})
}
