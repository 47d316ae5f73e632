package problem

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// class is what all problems of one sort have in common.
type class struct {
	status int
	name   string // the last part of the type, which clients may rely on
	title  string
}

// kinds is the table from the domain's failures to HTTP.
var kinds = map[app.Kind]class{
	app.KindInternal:    {http.StatusInternalServerError, "internal", "Something went wrong on our side"},
	app.KindInvalid:     {http.StatusBadRequest, "invalid", "The request is wrong"},
	app.KindTooLarge:    {http.StatusRequestEntityTooLarge, "too-large", "The request is too large"},
	app.KindNotFound:    {http.StatusNotFound, "not-found", "There is no such thing"},
	app.KindFull:        {http.StatusServiceUnavailable, "full", "There is no room now"},
	app.KindUnavailable: {http.StatusServiceUnavailable, "unavailable", "Something that is needed is away"},
	app.KindTimeout:     {http.StatusGatewayTimeout, "timeout", "It took too long"},
	app.KindConflict:    {http.StatusConflict, "conflict", "It contradicts what is there"},

	app.KindUnauthenticated: {http.StatusUnauthorized, "unauthenticated", "A key is needed"},
	app.KindForbidden:       {http.StatusForbidden, "forbidden", "This is not allowed"},
	app.KindTooMany:         statuses[http.StatusTooManyRequests],
}

// statuses is the table for what HTTP itself refuses.
var statuses = map[int]class{
	http.StatusNotFound:             {http.StatusNotFound, "no-such-endpoint", "There is no such endpoint"},
	http.StatusMethodNotAllowed:     {http.StatusMethodNotAllowed, "method-not-allowed", "The endpoint does not take this method"},
	http.StatusUnsupportedMediaType: {http.StatusUnsupportedMediaType, "unsupported", "The body is of a kind that is not understood"},
	http.StatusTooManyRequests:      {http.StatusTooManyRequests, "too-many-requests", "Too many requests"},
}

// Status returns the HTTP status for a kind of failure.
func Status(kind app.Kind) int { return kinds[kind].status }

// statusClientLeft is what nginx made the custom for a request whose client
// did not wait. Nobody sees it but the log.
const statusClientLeft = 499

// classify finds an error's class.
func classify(err error) class {
	var ours *app.Error
	if errors.As(err, &ours) {
		return kinds[ours.Kind]
	}
	if refusal, ok := refusalOf(err); ok {
		if c, ok := statuses[refusal.Code]; ok {
			return c
		}
		return class{refusal.Code, "http", http.StatusText(refusal.Code)}
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return kinds[app.KindTooLarge]
	case errors.Is(err, context.DeadlineExceeded):
		return kinds[app.KindTimeout]
	case errors.Is(err, context.Canceled):
		return class{statusClientLeft, "client-left", "The client did not wait"}
	default:
		return kinds[app.KindInternal]
	}
}

// refusalOf returns the refusal that Echo or a handler put in HTTP's terms.
// One of 500 says no more than any error does.
func refusalOf(err error) (*echo.HTTPError, bool) {
	var refusal *echo.HTTPError
	if !errors.As(err, &refusal) || refusal.Code == http.StatusInternalServerError {
		return nil, false
	}
	return refusal, true
}
