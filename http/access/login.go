package access

import (
	"encoding/json"
	"mime"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// PathLogin is where a browser shows its key once.
const PathLogin = "/api/login"

// maxLogin is the size of a login in bytes, with room to spare.
const maxLogin = 4 << 10

// MountLogin adds the endpoints of browsers:
//
//	POST   /api/login {"key":"mr_…"}  takes the key into a cookie; a form with the field key does too, and leads to /
//	GET    /api/login                 {"access":"on","key":{…}}; 401 without a key, {"access":"off"} when none is needed
//	DELETE /api/login                 forgets it
func (g *Guard) MountLogin(e *echo.Echo) {
	e.POST(PathLogin, g.login)
	e.GET(PathLogin, g.whoami)
	e.DELETE(PathLogin, func(c echo.Context) error {
		g.setCookie(c, "", -1)
		return c.NoContent(http.StatusNoContent)
	})
}

type identity struct {
	Access string    `json:"access"` // on or off
	Key    *identKey `json:"key,omitempty"`
}

type identKey struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Scopes  []app.Scope `json:"scopes"`
	Expires *time.Time  `json:"expires,omitempty"`
}

func identify(key app.Key) identity {
	out := identity{Access: "on", Key: &identKey{ID: key.ID, Name: key.Name, Scopes: key.Scopes}}
	if !key.Expires.IsZero() {
		out.Key.Expires = &key.Expires
	}
	return out
}

func (g *Guard) login(c echo.Context) error {
	text, form, err := readLogin(c.Request())
	if err != nil {
		return err
	}
	now := time.Now()
	who := identity{Access: "off"}
	if ring := g.cfg.Keys(); ring != nil {
		key, err := ring.Find(text, now)
		if err != nil {
			g.cfg.Refused(reasonBadKey)
			challenge(c.Response(), c.Request())
			return err
		}
		age := 0 // until the browser ends
		if !key.Expires.IsZero() {
			age = max(1, int(key.Expires.Sub(now).Seconds()))
		}
		g.setCookie(c, text, age)
		who = identify(key)
	}
	if form {
		return c.Redirect(http.StatusSeeOther, "/")
	}
	return noStore(c, who)
}

func readLogin(r *http.Request) (text string, form bool, err error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxLogin)
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media == echo.MIMEApplicationForm {
		if err := r.ParseForm(); err != nil {
			return "", true, app.Errorf(app.KindInvalid, "the form cannot be read: %w", err)
		}
		return r.PostForm.Get("key"), true, nil
	}
	var in struct {
		Key string `json:"key"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return "", false, &app.Error{Kind: app.KindInvalid, Field: "key", Err: err, Message: `want a JSON object {"key":"mr_…"}, or a form with the field key`}
	}
	return in.Key, false, nil
}

func (g *Guard) whoami(c echo.Context) error {
	ring := g.cfg.Keys()
	if ring == nil {
		return noStore(c, identity{Access: "off"})
	}
	key, err := find(ring, credential(c.Request()), app.ScopeRead, time.Now())
	if err != nil {
		challenge(c.Response(), c.Request())
		return err
	}
	return noStore(c, identify(key))
}

func (g *Guard) setCookie(c echo.Context, value string, age int) {
	c.SetCookie(&http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.Scheme() == "https",
	})
}

func noStore(c echo.Context, answer any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, answer)
}
