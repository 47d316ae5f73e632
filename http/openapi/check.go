package openapi

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

const inQuery = "query"

// maxShown is how much of a wrong value a message repeats, in bytes.
const maxShown = 60

type valuesKey struct{}

// Values returns the query parameters of a request that passed Check. None is
// empty.
func Values(ctx context.Context) url.Values {
	values, _ := ctx.Value(valuesKey{}).(url.Values)
	return values
}

// Middlewares returns, for each operation, the Check to put in front of it.
func (d *Document) Middlewares(formats map[string]Format) map[string][]echo.MiddlewareFunc {
	all := map[string][]echo.MiddlewareFunc{}
	for id := range d.operations {
		all[id] = []echo.MiddlewareFunc{d.Check(id, formats)}
	}
	return all
}

// Check returns what refuses requests with parameters that the operation does
// not have, or that are not as the document says, all of them named. formats are
// those of its parameters that only these endpoints have. It panics when there is
// no such operation: a mistake of the program, found by any test.
func (d *Document) Check(operation string, formats map[string]Format) echo.MiddlewareFunc {
	op := d.operations[operation]
	if op == nil {
		panic("openapi.yaml has no operation " + operation)
	}
	_, lacking := op.check("", formats)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Request().URL.RawQuery == "" && lacking == nil {
				return next(c) // as it is: there are no values
			}
			values, err := op.check(c.Request().URL.RawQuery, formats)
			if err != nil {
				return err
			}
			c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), valuesKey{}, values)))
			return next(c)
		}
	}
}

// check reads a query string and returns its parameters, or all that is wrong.
func (o *Operation) check(rawQuery string, formats map[string]Format) (url.Values, error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, app.Errorf(app.KindInvalid, "the query string cannot be read: %w", err)
	}
	var wrong Wrong
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parameter := o.parameter(name)
		if parameter == nil {
			wrong.Add(name, "%s is no parameter of this endpoint: it has %s", shown(name), o.has())
			continue
		}
		if parameter.Prefix && compares(name, values[name]) {
			prefix := parameter.Name
			wrong.Add(name, "%s compares: there are only %sNAME=VALUE and, to exclude, %sNAME!=VALUE", shown(name), prefix, prefix)
			continue
		}
		if err := parameter.check(values[name], formats); err != nil {
			wrong.Add(name, "%s %w", shown(name), err)
		}
	}
	for _, parameter := range o.Parameters {
		if parameter.Required && parameter.In == inQuery && len(values[parameter.Name]) == 0 {
			wrong.Add(parameter.Name, "%s is missing", parameter.Name)
		}
	}
	return values, wrong.Err()
}

// compares tells whether the name and values of a parameter were meant as
// NAME>=VALUE or NAME>VALUE, of which a query string makes names.
func compares(name string, values []string) bool {
	empty := !slices.ContainsFunc(values, func(v string) bool { return v != "" })
	return strings.HasSuffix(name, ">") || strings.HasSuffix(name, "<") || empty && strings.ContainsAny(name, "<>")
}

func (o *Operation) has() string {
	if names := o.Names(); len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return "none"
}

// parameter returns what stands in the document for a name, or nil.
func (o *Operation) parameter(name string) *Parameter {
	for _, p := range o.Parameters {
		if p.In != inQuery {
			continue
		}
		if p.Name == name && !p.Prefix || p.Prefix && len(name) > len(p.Name) && strings.HasPrefix(name, p.Name) {
			return p
		}
	}
	return nil
}

// maxPrefixed is how often a parameter that is known by its prefix is taken.
const maxPrefixed = 100

// check returns what is wrong with a parameter's values, as the rest of a
// sentence that begins with its name.
func (p *Parameter) check(given []string, formats map[string]Format) error {
	schema, limit := p.Schema, 1
	switch {
	case schema.Type == typeArray:
		schema, limit = schema.Items, schema.MaxItems
	case p.Prefix:
		limit = maxPrefixed
	}
	if limit == 1 && len(given) > 1 {
		return app.Errorf(app.KindInvalid, "is given %d times: give it once", len(given))
	}
	if limit > 0 && len(given) > limit {
		return app.Errorf(app.KindInvalid, "is given %d times: %d are the most", len(given), limit)
	}
	for _, value := range given {
		if value == "" {
			return app.Errorf(app.KindInvalid, "is empty: leave it out, or give it a value")
		}
		if err := schema.check(value, formats); err != nil {
			return app.Errorf(app.KindInvalid, "is %q: %w", shown(value), err)
		}
	}
	return nil
}

// shown is the beginning of a text, for a message.
func shown(text string) string {
	if len(text) <= maxShown {
		return strings.ToValidUTF8(text, "\ufffd")
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// GetAndHead returns e as a router that answers HEAD wherever it answers GET.
func GetAndHead(e *echo.Echo) Router { return Router{e} }

// Router is an echo.Echo whose GET is also HEAD.
type Router struct{ *echo.Echo }

// GET registers a handler for GET and HEAD.
func (r Router) GET(path string, handler echo.HandlerFunc, middleware ...echo.MiddlewareFunc) *echo.Route {
	r.Add(http.MethodHead, path, handler, middleware...)
	return r.Add(http.MethodGet, path, handler, middleware...)
}
