package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"millrace/http/problem"
)

// asker asks the API of the same server.
type asker struct{ api http.Handler }

// get reads an answer into a value. Its error is a *trouble.
func (a asker) get(c echo.Context, path string, query url.Values, into any) error {
	return a.read(inner(c, http.MethodGet, path, query), into)
}

// getAnew does, of an answer that has all that is stored.
func (a asker) getAnew(c echo.Context, path string, query url.Values, into any) error {
	r := inner(c, http.MethodGet, path, query)
	r.Header.Set(echo.HeaderCacheControl, "no-cache")
	return a.read(r, into)
}

func (a asker) read(r *http.Request, into any) error {
	answer := a.serve(r)
	if answer.status != http.StatusOK {
		return answer.trouble()
	}
	if err := json.Unmarshal(answer.body.Bytes(), into); err != nil {
		return &trouble{Status: http.StatusInternalServerError, Detail: fmt.Sprintf("The answer of %s cannot be read.", r.URL.Path)}
	}
	return nil
}

func (a asker) serve(r *http.Request) *answer {
	got := newAnswer()
	a.api.ServeHTTP(got, r)
	return got
}

// withJSON gives a request a document as its body.
func withJSON(r *http.Request, document any) (*http.Request, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	r.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r, nil
}

// inner returns a request to the API, from whoever makes the request in hand.
func inner(c echo.Context, method, path string, query url.Values) *http.Request {
	outer := c.Request()
	r := outer.Clone(outer.Context())
	r.Method, r.Body, r.ContentLength = method, http.NoBody, 0
	r.URL = &url.URL{Path: path, RawQuery: query.Encode()}
	r.RequestURI = r.URL.RequestURI()
	r.Header = http.Header{}
	for _, name := range []string{"Cookie", "Authorization", "Last-Event-Id", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"} {
		if values := outer.Header.Values(name); len(values) > 0 {
			r.Header[name] = values
		}
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set(echo.HeaderXRequestID, c.Response().Header().Get(echo.HeaderXRequestID))
	return r
}

// answer is what the API answers, in memory: a page of it is small.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{status: http.StatusOK, header: http.Header{}} }

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *answer) Flush()                      {}

func (a *answer) trouble() *trouble {
	t := &trouble{Status: a.status, Detail: http.StatusText(a.status)}
	var document problem.Document
	if err := json.Unmarshal(a.body.Bytes(), &document); err == nil && document.Status == a.status {
		t.Detail, t.Items, t.RequestID = document.Detail, document.Errors, document.RequestID
	}
	return t
}

// trouble is why there is nothing to show.
type trouble struct {
	Status    int
	Name      string // what Title says, if it is known better
	Detail    string
	Items     []problem.Item
	RequestID string
}

func (t *trouble) Error() string { return t.Detail }

// Said are the sentences for people: each begins large and ends with a point.
func (t *trouble) Said() []string {
	var said []string
	for _, item := range t.Items {
		if name, _, ok := strings.Cut(item.Detail, " is no parameter of this endpoint"); ok {
			said = append(said, fmt.Sprintf("There is no filter %q: take it out of the address.", name))
			continue
		}
		said = append(said, sentence(item.Detail))
	}
	if len(said) == 0 {
		said = append(said, sentence(t.Detail))
	}
	return said
}

// Title is what is wrong, in a few words.
func (t *trouble) Title() string {
	if t.Name != "" {
		return t.Name
	}
	switch t.Status {
	case http.StatusBadRequest:
		return "This search cannot be made"
	case http.StatusNotFound:
		return "There is no such thing"
	case http.StatusForbidden:
		return "Your key does not allow this"
	case http.StatusConflict:
		return "That is not possible now"
	case http.StatusTooManyRequests:
		return "Too much at once"
	case http.StatusGatewayTimeout:
		return "It took too long"
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return "Something that is needed is away"
	default:
		return "It did not work"
	}
}

func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// troubleOf returns what went wrong, for a page.
func troubleOf(err error) *trouble {
	if err == nil {
		return nil
	}
	var t *trouble
	if errors.As(err, &t) {
		return t
	}
	return &trouble{Status: http.StatusInternalServerError, Detail: "The log of the server has the cause"}
}
