package access

import (
	"net/http"
	"strings"

	"millrace/app"
)

// cookieName is the cookie of browsers; its value is the key.
const cookieName = "millrace_key"

// credential returns the key that a request shows, or nothing.
func credential(r *http.Request) string {
	if header := r.Header.Get("Authorization"); header != "" {
		if _, password, ok := r.BasicAuth(); ok {
			return password
		}
		scheme, token, _ := strings.Cut(header, " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token)
		}
		return header // a scheme that nobody knows is no key, and is told so
	}
	if cookie, err := r.Cookie(cookieName); err == nil {
		return cookie.Value
	}
	return ""
}

// challenge says how a key is shown. A script of a page gets no Basic: its
// browser would ask the user in a window of its own.
func challenge(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("WWW-Authenticate", `Bearer realm="millrace"`)
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode == "" || mode == "navigate" {
		w.Header().Add("WWW-Authenticate", `Basic realm="millrace: the key is the password", charset="UTF-8"`)
	}
}

func noKey(scope app.Scope) error {
	return app.Errorf(app.KindUnauthenticated, "this needs a key with the scope %s: send it as Authorization: Bearer KEY (millrace key create makes one)", scope)
}

func lacks(key app.Key, scope app.Scope) error {
	return app.Errorf(app.KindForbidden, "the key %s does not have the scope %s", key.ID, scope)
}
