package access

import (
	"net/http"
	"strings"

	"millrace/app"
)

// open is the scope that every request has.
const open app.Scope = ""

// rule says which scope routes need. An empty method is every method, and a path
// that ends in * begins a route's.
type rule struct {
	method, path string
	scope        app.Scope
}

// rules are asked from the top; the first that fits says it. What nobody thought
// of can be read by those who may read, and done by administrators alone.
var rules = []rule{
	{"", "/actuator/health*", open}, // probes have no keys
	{"", PathLogin, open},
	{http.MethodPost, "/api/logs", app.ScopeIngest},
	{http.MethodPost, "/v1/logs", app.ScopeIngest},
	{http.MethodGet, "*", app.ScopeRead},
	{http.MethodHead, "*", app.ScopeRead},
	{http.MethodOptions, "*", app.ScopeRead},
	{"", "*", app.ScopeAdmin},
}

func (r rule) fits(method, route string) bool {
	if r.method != "" && r.method != method {
		return false
	}
	if prefix, ok := strings.CutSuffix(r.path, "*"); ok {
		return strings.HasPrefix(route, prefix)
	}
	return r.path == route
}

// scopeOf returns the scope that a route (as it was registered, with its
// parameters' names) needs.
func scopeOf(rules []rule, method, route string) app.Scope {
	for _, r := range rules {
		if r.fits(method, route) {
			return r.scope
		}
	}
	return app.ScopeAdmin
}
