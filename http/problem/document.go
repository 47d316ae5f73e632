package problem

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// ContentType is the media type of a Document.
const ContentType = "application/problem+json"

// typePrefix begins the type of every problem. A URN, since it names the
// problem and promises no page.
const typePrefix = "urn:millrace:problem:"

// Document is a problem as RFC 9457 wants it. Type is stable; the texts are
// for people and may change.
type Document struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Instance  string `json:"instance,omitempty"`   // the path that was asked
	RequestID string `json:"request_id,omitempty"` // as in the X-Request-ID header and in our log
	Errors    []Item `json:"errors,omitempty"`     // each thing that is wrong
	Accepted  *int   `json:"accepted,omitempty"`   // logs that were taken all the same
}

// Item is one thing that is wrong with a request.
type Item struct {
	Field  string `json:"field,omitempty"` // the parameter or member
	Line   int    `json:"line,omitempty"`  // the line or array element, from 1
	Detail string `json:"detail"`
}

// WithAccepted adds to the document of err that n logs were taken.
func WithAccepted(err error, n int) error { return &partly{err, n} }

type partly struct {
	error
	accepted int
}

func (p *partly) Unwrap() error { return p.error }

// newDocument tells of err what its client may know.
func newDocument(c echo.Context, err error) Document {
	kind := classify(err)
	doc := Document{
		Type:      typePrefix + kind.name,
		Title:     kind.title,
		Status:    kind.status,
		Instance:  c.Request().URL.Path,
		RequestID: c.Response().Header().Get(echo.HeaderXRequestID),
	}
	found := appErrors(err, nil)
	for _, e := range found {
		if e.Field != "" || e.Line != 0 {
			doc.Errors = append(doc.Errors, Item{e.Field, e.Line, e.Message})
		}
	}
	doc.Detail = detail(c, err, kind, found)
	var p *partly
	if errors.As(err, &p) {
		doc.Accepted = &p.accepted
	}
	return doc
}

// detail is the sentence for people.
func detail(c echo.Context, err error, kind class, found []*app.Error) string {
	request := c.Request()
	switch {
	case kind.status == http.StatusInternalServerError:
		return "The log of the server has the cause, under the request's id."
	case len(found) > 1:
		return fmt.Sprintf("%d things are wrong: see errors", len(found))
	case len(found) == 1:
		return found[0].Message
	case kind.status == http.StatusMethodNotAllowed:
		return fmt.Sprintf("%s takes %s, not %s", request.URL.Path, c.Response().Header().Get(echo.HeaderAllow), request.Method)
	case kind.name == statuses[http.StatusNotFound].name:
		return "there is nothing at " + request.URL.Path
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)
	}
	if refusal, ok := refusalOf(err); ok {
		return fmt.Sprint(refusal.Message)
	}
	return ""
}

// appErrors collects the domain's errors of a tree: of a chain the outermost,
// of joined errors each.
func appErrors(err error, found []*app.Error) []*app.Error {
	//nolint:errorlint // It walks the tree itself: errors.As would find the first only.
	switch e := err.(type) {
	case *app.Error:
		return append(found, e)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			found = appErrors(inner, found)
		}
	case interface{ Unwrap() error }:
		return appErrors(e.Unwrap(), found)
	}
	return found
}

// defaultPause is when to come back after one that does not say.
const defaultPause = time.Second

// retryAfter returns the Retry-After header for a 503 or 429, in whole seconds,
// and nothing for any other error.
func retryAfter(err error, status int) string {
	if status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
		return ""
	}
	pause := defaultPause
	var e *app.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		pause = e.RetryAfter
	}
	return strconv.Itoa(int(math.Ceil(pause.Seconds())))
}
