// Package access says who may do what on a server, by API keys:
//
//	guard, err := access.New(access.Config{Keys: ring, Logger: logger})
//	e.Use(guard.Middleware()...)
//
// Each route needs a scope, by one table (rules.go). A key is shown as
//
//	Authorization: Bearer KEY
//	Authorization: Basic, with the key as password and any user
//	the cookie that POST /api/login gives a browser: no script reads it, and no other site sends it
//
// What is refused is answered as package problem says: 401 with WWW-Authenticate
// when there is no key that is known, 403 when it lacks the scope, and 429 with
// Retry-After when it, or an address without a key, asks too often.
//
//	guard.go       Config, Guard and its middleware
//	rules.go       which route needs which scope
//	credentials.go finding the key in a request, and the challenge when there is none
//	limit.go       how often one may ask
//	origin.go      other sites: what their scripts may read and what they may send
//	host.go        names that a server without keys does not answer to
//	login.go       the cookie
//
// While there are no keys (Config.Keys returns nil) everyone may do everything;
// limits hold all the same. Whatever needs ScopeAdmin leaves a line in the log,
// with the key's id.
package access
