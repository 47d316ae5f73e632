package query

import (
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// logs answers GET /api/logs.
func (h *handlers) logs(c echo.Context) error {
	p := newParams(c.Request().URL.RawQuery)
	query, now := p.query(time.Now())
	if err := p.err(); err != nil {
		return err
	}
	page, err := h.cfg.Reader.Logs(c.Request().Context(), query)
	if err != nil {
		return err
	}
	next, prev := now.cursor(page.Next), now.cursor(page.Prev)
	link(c, next, "next")
	link(c, prev, "prev")
	return answer(c, appendPage(page.Logs, next, prev))
}

// link adds a Link header (RFC 8288): the same request with another cursor.
func link(c echo.Context, cursor, rel string) {
	if cursor == "" {
		return
	}
	u := *c.Request().URL
	values := u.Query()
	values.Set("cursor", cursor)
	target := url.URL{Path: u.Path, RawQuery: values.Encode()}
	c.Response().Header().Add("Link", "<"+target.String()+">; rel=\""+rel+"\"")
}

// typicalLog is the size of most logs, to begin with.
const typicalLog = 256

// appendPage writes {"logs":[…],"next":…,"prev":…}; a cursor that is none is null.
func appendPage(logs []app.Log, next, prev string) []byte {
	out := make([]byte, 0, len(logs)*typicalLog+128)
	out = append(out, `{"logs":[`...)
	for i := range logs {
		if i > 0 {
			out = append(out, ',')
		}
		out = logs[i].AppendJSON(out)
	}
	out = appendCursor(append(out, `],"next":`...), next)
	out = appendCursor(append(out, `,"prev":`...), prev)
	return append(out, '}')
}

func appendCursor(dst []byte, cursor string) []byte {
	if cursor == "" {
		return append(dst, "null"...)
	}
	return app.AppendJSONString(dst, cursor)
}
