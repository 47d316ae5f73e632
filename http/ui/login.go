package ui

import (
	"bytes"
	"encoding/json"
	"io"
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
	return h.render(c, http.StatusOK, "login.html", page{Title: "Log in", Body: loginPage{Next: here(c.QueryParam("next"))}})
}

// show answers POST /login: it hands the key to the API, and its cookie to the
// browser.
func (h *handlers) show(c echo.Context) error {
	if err := h.sameOrigin.Check(c.Request()); err != nil {
		return app.Errorf(app.KindForbidden, "a page of another site sent this")
	}
	next := here(c.FormValue("next"))
	body, err := json.Marshal(map[string]string{"key": strings.TrimSpace(c.FormValue("key"))})
	if err != nil {
		return err
	}
	r := inner(c, http.MethodPost, "/api/login", nil)
	r.Header.Del("Cookie") // an old key is no matter here
	r.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	got := newAnswer()
	h.api.api.ServeHTTP(got, r)
	if got.status != http.StatusOK {
		wrong := strings.Join(got.trouble().Said(), " ")
		return h.render(c, got.status, "login.html", page{Title: "Log in", Body: loginPage{Next: next, Wrong: wrong}})
	}
	for _, cookie := range got.header.Values("Set-Cookie") {
		c.Response().Header().Add("Set-Cookie", cookie)
	}
	return c.Redirect(http.StatusSeeOther, next)
}

// logout answers POST /logout.
func (h *handlers) logout(c echo.Context) error {
	if err := h.sameOrigin.Check(c.Request()); err != nil {
		return app.Errorf(app.KindForbidden, "a page of another site sent this")
	}
	got := h.api.do(c, http.MethodDelete, "/api/login", nil)
	for _, cookie := range got.header.Values("Set-Cookie") {
		c.Response().Header().Add("Set-Cookie", cookie)
	}
	return c.Redirect(http.StatusSeeOther, "/login")
}

// here returns an address of this server's pages; of any other, that of the first.
func here(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}
