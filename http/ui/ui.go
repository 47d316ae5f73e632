package ui

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"

	"github.com/labstack/echo/v4"
)

//go:embed assets pages
var files embed.FS

// Config is what the pages need.
type Config struct {
	// API answers under /api, as this server does. Required.
	API http.Handler
	// Roles are those that the pipeline's page tells of. Required.
	Roles Roles
	// Intake is where logs are sent to, as whoever has none is told; empty: they
	// are not told.
	Intake string
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	if c.API == nil || c.Roles == nil {
		return errors.New("ui: API or Roles is missing")
	}
	return nil
}

// policy lets a page load, and ask, what comes from this server alone, and its
// script make no markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// handlers answer with pages.
type handlers struct {
	api    asker
	roles  Roles
	rates  rates
	intake string
	// sameOrigin refuses forms that pages of other sites send.
	sameOrigin *http.CrossOriginProtection

	pages *template.Template
	asset map[string]string // from a file's name to its address
}

// Routes are those of the pages, which show nothing by themselves: what they
// show comes from the API, which knows who may see it.
func Routes() []string {
	return []string{"/", "/ui/*", "/logs/:id", "/pipeline", "/batches/:id", "/quarantine*", "/login", "/logout"}
}

// Mount adds the pages to a server.
func Mount(e *echo.Echo, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	h := &handlers{api: asker{cfg.API}, roles: cfg.Roles, intake: cfg.Intake, sameOrigin: http.NewCrossOriginProtection(), asset: map[string]string{}}
	if err := h.mountAssets(e); err != nil {
		return err
	}
	var err error
	h.pages, err = template.New("").Funcs(template.FuncMap{"asset": h.assetAddress, "group": group, "plain": plain, "many": many, "blank": blankRow, "blankField": blankField, "sayTime": sayTime,
		"groupU": func(n uint64) string { return group(int64(n)) },
	}).ParseFS(files, "pages/*.html")
	if err != nil {
		return err
	}
	get := func(path string, handle echo.HandlerFunc) {
		e.GET(path, handle, secure)
		e.HEAD(path, handle, secure)
	}
	post := func(path string, handle echo.HandlerFunc) { e.POST(path, handle, secure, h.fromHere) }
	get("/", h.search)
	get("/logs/:id", h.around)
	get("/ui/rows", h.rows)
	e.GET("/ui/tail", h.tail, secure)
	get("/pipeline", h.pipeline)
	get("/ui/figures", h.figures)
	get("/batches/:id", h.batch)
	get("/quarantine", h.quarantine)
	get("/ui/items", h.freshItems)
	get("/quarantine/:id", h.item)
	post("/quarantine/replay", h.decide("replay"))
	post("/quarantine/discard", h.decide("discard"))
	get("/login", h.login)
	post("/login", h.show)
	post("/logout", h.logout)
	e.HTTPErrorHandler = h.nowhere(e.HTTPErrorHandler)
	return nil
}

func secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set(echo.HeaderContentSecurityPolicy, policy)
		header.Set(echo.HeaderXContentTypeOptions, "nosniff")
		header.Set(echo.HeaderReferrerPolicy, "no-referrer")
		header.Set(echo.HeaderCacheControl, "private, no-store")
		return next(c)
	}
}

// mountAssets serves files under addresses that change with them, so that they
// may be kept for ever.
func (h *handlers) mountAssets(e *echo.Echo) error {
	found, err := fs.ReadDir(files, "assets")
	if err != nil {
		return err
	}
	for _, file := range found {
		data, err := files.ReadFile(path.Join("assets", file.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		tag := `"` + hex.EncodeToString(sum[:8]) + `"`
		h.asset[file.Name()] = "/ui/" + file.Name() + "?v=" + hex.EncodeToString(sum[:4])
		kind := mime.TypeByExtension(path.Ext(file.Name()))
		e.GET("/ui/"+file.Name(), func(c echo.Context) error {
			header := c.Response().Header()
			header.Set(echo.HeaderCacheControl, "no-cache")
			if c.QueryParam("v") != "" {
				header.Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
			}
			header.Set("ETag", tag)
			if c.Request().Header.Get("If-None-Match") == tag {
				return c.NoContent(http.StatusNotModified)
			}
			return c.Blob(http.StatusOK, kind, data)
		}, assetHeaders)
	}
	return nil
}

func assetHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXContentTypeOptions, "nosniff")
		return next(c)
	}
}

func (h *handlers) assetAddress(name string) (string, error) {
	address, ok := h.asset[name]
	if !ok {
		return "", errors.New("ui: there is no asset " + name)
	}
	return address, nil
}

// keyCookie is what package access keeps a key in.
const keyCookie = "millrace_key"

// page is what every page is made of.
type page struct {
	Title   string
	Here    string // the navigation's entry that is current
	Status  int    // of a page without trouble; 0 means 200
	Trouble *trouble
	Known   bool // the browser has shown a key
	Body    any
}

// render answers with a page, which is made whole before any of it is sent, and
// has the status of its trouble. A person who must show a key first is led to
// the login instead.
func (h *handlers) render(c echo.Context, name string, p page) error {
	status := cmp.Or(p.Status, http.StatusOK)
	if p.Trouble != nil {
		if status = p.Trouble.Status; status == http.StatusUnauthorized {
			return toLogin(c, c.Request().URL.RequestURI())
		}
	}
	_, err := c.Cookie(keyCookie)
	p.Known = err == nil
	var out bytes.Buffer
	if err := h.pages.ExecuteTemplate(&out, name, p); err != nil {
		return err
	}
	return c.HTMLBlob(status, out.Bytes())
}
