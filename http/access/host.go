package access

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// ownNames are what names end in that nobody can register: no page of the
// Internet has one of them.
var ownNames = []string{"localhost", "local", "internal", "test"}

// ownHost refuses, while no keys are asked for, what a browser sends to a name
// that may be another's: whoever owns a name can let it point to this machine
// after his page is loaded (DNS rebinding), and to the browser we are his site
// then. An address is nobody's name, nor is one without a dot; the names of
// origins that may use the server are known.
func ownHost(keys func() *app.Keyring, origins []string, refused func()) echo.MiddlewareFunc {
	var known []string
	for _, origin := range origins {
		if u, err := url.Parse(origin); err == nil {
			known = append(known, strings.ToLower(u.Hostname()))
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			name := hostName(c.Request().Host)
			if isOwn(name) || keys() != nil || slices.Contains(known, name) {
				return next(c)
			}
			refused()
			return app.Errorf(app.KindForbidden,
				"this server has no keys, and so is for its own machine alone; it was asked for as %.100q: ask for localhost, name the origin in the setting access-origins, or make a key with millrace key create", name)
		}
	}
}

// hostName returns the name in a Host header, without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// isOwn tells whether a name cannot be another's.
func isOwn(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || slices.Contains(ownNames, name[dot+1:]) {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}
