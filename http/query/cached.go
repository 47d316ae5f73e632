package query

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
)

// Answers keeps answers for a while; *app.AnswerCache fills it. Safe for
// concurrent use.
type Answers interface {
	Answer(ctx context.Context, q app.Question, compute func(context.Context) (app.Answer, error)) (app.Answer, app.RecentSource, error)
}

// keptHeaders are those that belong to an answer's body.
var keptHeaders = []string{echo.HeaderContentType, "Link"}

// cached answers a question from answers, which asks the handler when it must. It
// stands behind the check of the parameters, and before what limits how many
// questions are worked out at once. Equal answers have equal ETags.
func cached(answers Answers, operation string, closedAfter time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			e, r := c.Echo(), c.Request() // of c, which is another request's when this one is over
			q := question(operation, openapi.Values(r.Context()), time.Now(), closedAfter)
			q.Anew = strings.Contains(r.Header.Get(echo.HeaderCacheControl), "no-cache")
			answer, source, err := answers.Answer(r.Context(), q, func(ctx context.Context) (app.Answer, error) {
				return work(ctx, e, r, next)
			})
			if err != nil {
				return err
			}
			header := c.Response().Header()
			maps.Copy(header, http.Header(answer.Header))
			tag := `"` + answer.Tag + `"`
			header.Set("ETag", tag)
			header.Set(headerCache, string(source))
			if matches(r.Header.Get("If-None-Match"), tag) {
				header.Del(echo.HeaderContentType)
				return c.NoContent(http.StatusNotModified)
			}
			header.Set(echo.HeaderContentLength, strconv.Itoa(len(answer.Body))) // or it is sent in chunks
			return c.Blob(http.StatusOK, header.Get(echo.HeaderContentType), answer.Body)
		}
	}
}

// work has the handler answer a request of its own: the one that asked may be
// over before the answer is there.
func work(ctx context.Context, e *echo.Echo, asked *http.Request, next echo.HandlerFunc) (app.Answer, error) {
	out := &recorder{header: http.Header{}, status: http.StatusOK}
	c := e.NewContext(asked.Clone(ctx), out)
	if err := next(c); err != nil {
		return app.Answer{}, err
	}
	if out.status != http.StatusOK {
		return app.Answer{}, fmt.Errorf("the answer to keep has the status %d", out.status)
	}
	answer := app.Answer{Body: out.body.Bytes(), Header: map[string][]string{}}
	for _, name := range keptHeaders {
		if values := out.header.Values(name); len(values) > 0 {
			answer.Header[name] = values
		}
	}
	return answer, nil
}

// recorder is a response that is kept.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recorder) WriteHeader(status int)      { r.status = status }

// matches tells whether one of the tags that a client has is the answer's.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}

// question brings parameters, which are known to be right, into a normal form:
// however they are ordered and written, the same question has the same key.
func question(operation string, values url.Values, now time.Time, closedAfter time.Duration) app.Question {
	normal := url.Values{}
	for name, given := range values {
		for _, value := range given {
			switch name {
			case "q":
				if !values.Has("text") { // which are refused together
					name = "text"
				}
			case "level", "level" + negation:
				found, _ := levels(value)
				for _, l := range found {
					normal.Add(name, l.String())
				}
				continue
			case "min_level":
				l, _ := level(value)
				value = l.String()
			case "from", "to":
				value = normalMoment(value, now)
			case "trace_id", "trace_id" + negation:
				value = strings.ToLower(value)
			}
			normal.Add(name, value)
		}
	}
	for name, otherwise := range defaults[operation] {
		if normal.Get(name) == otherwise {
			normal.Del(name)
		}
	}
	for name, given := range normal {
		normal[name] = sorted(given)
	}
	return app.Question{Key: operation + "?" + normal.Encode(), Closed: closed(values, now, closedAfter)}
}

// defaults are parameters that say what is so without them.
var defaults = map[string]map[string]string{
	"searchLogs": {"limit": "100", "order": "newest"},
	"logFacets":  {"limit": "10"},
	"logStats":   {"limit": "10"},
}

// normalMoment writes a time in one way. One that is relative to now stays so:
// the answer is as old as the cache lets it be.
func normalMoment(value string, now time.Time) string {
	t, relative, _ := openapi.Moment(value, now)
	if relative {
		return strings.Replace(value, "now-", "-", 1)
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// closed tells whether all that is asked of ended so long ago that hardly a log of
// then will still come.
func closed(values url.Values, now time.Time, after time.Duration) bool {
	if values.Get("to") == "" {
		return false
	}
	to, relative, _ := openapi.Moment(values.Get("to"), now)
	if relative || now.Sub(to) < after {
		return false
	}
	_, relative, _ = openapi.Moment(values.Get("from"), now)
	return values.Get("from") == "" || !relative
}
