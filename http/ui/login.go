package ui

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// loginPage asks for a key.
type loginPage struct{ Next, Wrong string }

// login answers GET /login.
func (h *handlers) login(c echo.Context) error {
	return h.render(c, "login.html", page{Title: "Log in", Body: loginPage{Next: here(c.QueryParam("next"), "/")}})
}

// toLogin leads a person to the login, and from there to an address.
func toLogin(c echo.Context, next string) error {
	return c.Redirect(http.StatusSeeOther, "/login?"+url.Values{"next": {next}}.Encode())
}

// show answers POST /login: it hands the key to the API, and its cookie to the
// browser.
func (h *handlers) show(c echo.Context) error {
	next := here(c.FormValue("next"), "/")
	r, err := withJSON(inner(c, http.MethodPost, "/api/login", nil), map[string]string{"key": strings.TrimSpace(c.FormValue("key"))})
	if err != nil {
		return err
	}
	r.Header.Del("Cookie") // an old key is no matter here
	got := h.api.serve(r)
	if got.status != http.StatusOK {
		wrong := strings.Join(got.trouble().Said(), " ")
		return h.render(c, "login.html", page{Title: "Log in", Status: got.status, Body: loginPage{Next: next, Wrong: wrong}})
	}
	got.passCookies(c)
	return c.Redirect(http.StatusSeeOther, next)
}

// logout answers POST /logout.
func (h *handlers) logout(c echo.Context) error {
	h.api.serve(inner(c, http.MethodDelete, "/api/login", nil)).passCookies(c)
	return c.Redirect(http.StatusSeeOther, "/login")
}

// passCookies hands the cookies of an answer on to the browser.
func (a *answer) passCookies(c echo.Context) {
	for _, cookie := range a.header.Values("Set-Cookie") {
		c.Response().Header().Add("Set-Cookie", cookie)
	}
}

// fromHere lets a form through that a page of this server sends.
func (h *handlers) fromHere(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := h.sameOrigin.Check(c.Request()); err != nil {
			return app.Errorf(app.KindForbidden, "a page of another site sent this")
		}
		return next(c)
	}
}

// here returns an address of this server's pages; in place of any other, another.
func here(target, otherwise string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return otherwise
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}
