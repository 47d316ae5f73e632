package access

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// Config is how a server is guarded.
type Config struct {
	// Keys returns the keys as they are now, or nil when none are asked for.
	// It is called for each request. Required.
	Keys   func() *app.Keyring
	Logger *slog.Logger // for audit lines; required
	// Rate is how many requests a second each key, and each address without
	// one, may make; 0 is no limit. Burst is how many of them at once; 0 means
	// those of two seconds.
	Rate  float64
	Burst int
	// Origins are other sites, as https://example.org, whose pages may use
	// this server.
	Origins []string
	// Local says that the server is for its own machine while there are no keys:
	// it answers to no name then that may be another's.
	Local bool
	// Open are routes that need no key.
	Open []string
	// Refused is told of each request that is not let in, with one of Reasons.
	// Nil: nobody is.
	Refused func(reason string)
}

// Why requests are not let in.
const (
	reasonNoKey  = "no_key"     // they showed none
	reasonBadKey = "bad_key"    // one that is unknown, revoked or expired
	reasonScope  = "scope"      // one that may not do this
	reasonRate   = "rate"       // too many came at once
	reasonOther  = "other_site" // a page of another site sent them
)

// Reasons are all that Config.Refused is told.
func Reasons() []string {
	return []string{reasonNoKey, reasonBadKey, reasonScope, reasonRate, reasonOther}
}

func (c *Config) setDefaults() {
	if c.Burst == 0 {
		c.Burst = max(1, int(2*c.Rate))
	}
	if c.Refused == nil {
		c.Refused = func(string) {}
	}
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	switch {
	case c.Keys == nil || c.Logger == nil:
		return errors.New("access: Keys or Logger is missing")
	case c.Rate < 0 || c.Burst < 0:
		return errors.New("access: Rate and Burst must not be negative")
	}
	return nil
}

// Guard lets in who may come in. Safe for concurrent use.
type Guard struct {
	cfg        Config
	rules      []rule
	limits     *limits
	otherSites []echo.MiddlewareFunc // keep their pages out
}

// New returns a Guard.
func New(cfg Config) (*Guard, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	g := &Guard{cfg: cfg, limits: newLimits(cfg.Rate, cfg.Burst)}
	for _, route := range cfg.Open {
		g.rules = append(g.rules, rule{path: route, scope: open})
	}
	g.rules = append(g.rules, rules...)
	refused := func() { cfg.Refused(reasonOther) }
	same, err := sameOrigin(cfg.Origins, refused)
	if err != nil {
		return nil, err
	}
	if cfg.Local {
		g.otherSites = append(g.otherSites, ownHost(cfg.Keys, cfg.Origins, refused))
	}
	g.otherSites = append(g.otherSites, crossOrigin(cfg.Origins), same)
	return g, nil
}

// Middleware returns what stands before every route, in this order. It must be
// added with Echo's Use, so that the route is known.
func (g *Guard) Middleware() []echo.MiddlewareFunc {
	return append(slices.Clone(g.otherSites), g.admit)
}

// keyOfRequest is where a request's context has its key.
const keyOfRequest = "millrace.key"

// KeyOf returns the key that a request was let in with; there is none where none
// is needed.
func KeyOf(c echo.Context) (app.Key, bool) {
	key, ok := c.Get(keyOfRequest).(app.Key)
	return key, ok
}

// admit lets a request through that shows a key with the scope of its route.
func (g *Guard) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		scope := scopeOf(g.rules, c.Request().Method, c.Path())
		err := g.check(c, scope)
		if err != nil {
			g.cfg.Refused(reasonOf(err, c.Request()))
		} else {
			err = next(c)
		}
		if scope == app.ScopeAdmin {
			g.audit(c, err)
		}
		return err
	}
}

// reasonOf returns why check refused a request.
func reasonOf(err error, r *http.Request) string {
	switch {
	case app.KindOf(err) == app.KindTooMany:
		return reasonRate
	case app.KindOf(err) == app.KindForbidden:
		return reasonScope
	case credential(r) == "":
		return reasonNoKey
	default:
		return reasonBadKey
	}
}

func (g *Guard) check(c echo.Context, scope app.Scope) error {
	ring, now, r := g.cfg.Keys(), time.Now(), c.Request()
	if scope == open && c.Path() != PathLogin {
		return nil
	}
	if ring == nil || scope == open {
		return g.limits.take(network(c.RealIP()), now)
	}
	key, err := find(ring, credential(r), scope, now)
	if err != nil {
		if err := g.limits.take(network(c.RealIP()), now); err != nil {
			return err
		}
		challenge(c.Response(), r)
		return err
	}
	if err := g.limits.take(key.ID, now); err != nil {
		return err
	}
	c.Set(keyOfRequest, key)
	if !key.Allows(scope) {
		return lacks(key, scope)
	}
	return nil
}

func find(ring *app.Keyring, text string, scope app.Scope, now time.Time) (app.Key, error) {
	if text == "" {
		return app.Key{}, noKey(scope)
	}
	return ring.Find(text, now)
}

// Still returns why a client that was let in may not go on, such as a key that
// is revoked meanwhile, or nil: for answers that last long.
func (g *Guard) Still(c echo.Context) error {
	ring := g.cfg.Keys()
	if ring == nil {
		return nil
	}
	key, err := find(ring, credential(c.Request()), app.ScopeRead, time.Now())
	if scope := scopeOf(g.rules, c.Request().Method, c.Path()); err == nil && !key.Allows(scope) {
		err = lacks(key, scope)
	}
	return err
}

// audit tells of a request that would change something, and what became of it.
// It is silent about those that nobody known has sent, and those that no
// endpoint takes: whoever floods us must not flood the log as well.
func (g *Guard) audit(c echo.Context, err error) {
	key, known := KeyOf(c)
	var nowhere *echo.HTTPError
	if errors.As(err, &nowhere) || !known && (app.KindOf(err) == app.KindUnauthenticated || app.KindOf(err) == app.KindTooMany) {
		return
	}
	attributes := []slog.Attr{
		slog.String("method", c.Request().Method), slog.String("path", c.Request().URL.Path),
		slog.String("from", c.RealIP()),
		slog.String("request_id", c.Response().Header().Get(echo.HeaderXRequestID)),
	}
	if known {
		attributes = append(attributes, slog.String("key", key.ID), slog.String("name", key.Name))
	}
	message := "audit: done"
	if err != nil {
		message = "audit: refused or failed"
		attributes = append(attributes, slog.String("error", err.Error()))
	}
	g.cfg.Logger.LogAttrs(c.Request().Context(), slog.LevelInfo, message, attributes...)
}
