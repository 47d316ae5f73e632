package openapi

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

//go:embed docs.html
var docsPage string

// docsPolicy allows the page's own style and its forms, and nothing else.
const docsPolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Mount adds the document and its page to a server.
func (d *Document) Mount(e *echo.Echo) error {
	page, err := d.render()
	if err != nil {
		return err
	}
	serve := func(path, contentType, policy string, body []byte) {
		GetAndHead(e).GET(path, func(c echo.Context) error {
			header := c.Response().Header()
			header.Set(echo.HeaderXContentTypeOptions, "nosniff")
			header.Set(echo.HeaderCacheControl, "no-cache")
			if policy != "" {
				header.Set(echo.HeaderContentSecurityPolicy, policy)
			}
			return c.Blob(http.StatusOK, contentType, body)
		})
	}
	serve("/openapi.yaml", "application/yaml", "", d.yaml)
	serve("/openapi.json", echo.MIMEApplicationJSON, "", d.json)
	serve("/docs", echo.MIMETextHTMLCharsetUTF8, docsPolicy, page)
	GetAndHead(e).GET("/docs/", func(c echo.Context) error { return c.Redirect(http.StatusPermanentRedirect, "/docs") })
	GetAndHead(e).GET("/docs/try/:operation", d.try)
	return nil
}

// try leads from a form of the page to what it asks, without the fields that were
// left empty: a form without script sends all it has.
func (d *Document) try(c echo.Context) error {
	op := d.operations[c.Param("operation")]
	if op == nil || !hasForm(op) {
		return echo.ErrNotFound
	}
	query := c.QueryParams()
	for name, values := range query {
		if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) > 0 {
			query[name] = values
		} else {
			delete(query, name)
		}
	}
	return c.Redirect(http.StatusSeeOther, (&url.URL{Path: op.Path, RawQuery: query.Encode()}).String())
}

// hasForm tells whether the page has a form for an operation.
func hasForm(op *Operation) bool {
	return op.Method == http.MethodGet && !strings.Contains(op.Path, "{")
}

func (d *Document) render() ([]byte, error) {
	page, err := template.New("docs").Funcs(template.FuncMap{
		"paragraphs": paragraphs,
		"prose":      prose,
		"lower":      strings.ToLower,
		"form":       hasForm,
	}).Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, d)
	return out.Bytes(), err
}

// paragraphs splits a description at its empty lines.
func paragraphs(text string) []string {
	return strings.Split(strings.TrimSpace(text), "\n\n")
}

// span is a piece of a paragraph.
type span struct {
	Text string
	Code bool
}

// prose cuts a paragraph at its backticks, all that descriptions use of Markdown.
func prose(text string) []span {
	var spans []span
	for i, piece := range strings.Split(text, "`") {
		if piece != "" {
			spans = append(spans, span{piece, i%2 == 1})
		}
	}
	return spans
}
