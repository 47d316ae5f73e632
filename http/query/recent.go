package query

import (
	"bytes"
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
)

// headerCache says where the newest logs came from; see app.RecentSource.
const headerCache = "X-Cache"

// RecentLogs answers GET /api/query/recent.
func (h *handlers) RecentLogs(ctx context.Context, request RecentLogsRequestObject) (RecentLogsResponseObject, error) {
	answer, err := h.cfg.Recent.Newest(ctx, openapi.Or(request.Params.Limit, app.DefaultLimit))
	if err != nil {
		return nil, err
	}
	return &newest{RecentAnswer: answer}, nil
}

// newest is an answer with the newest logs, and what its request says of how to
// send it.
type newest struct {
	app.RecentAnswer
	takesGzip bool
	known     string // the tags of what the client has
}

// asAsked tells the newest logs what their request says, which their handler does
// not see.
func asAsked(next StrictHandlerFunc, operation string) StrictHandlerFunc {
	if operation != "RecentLogs" {
		return next
	}
	return func(c echo.Context, request any) (any, error) {
		response, err := next(c, request)
		if logs, ok := response.(*newest); ok {
			header := c.Request().Header
			logs.takesGzip = chooseEncoding(header.Get(echo.HeaderAcceptEncoding), "gzip") != ""
			logs.known = header.Get("If-None-Match")
		}
		return response, err
	}
}

var encodedGzip = []string{"gzip"}

// VisitRecentLogsResponse implements RecentLogsResponseObject.
func (n *newest) VisitRecentLogsResponse(w http.ResponseWriter) error {
	header, body, tag := w.Header(), n.Array, `"`+n.Tag+`"`
	header.Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
	if n.takesGzip && n.Packed != nil {
		header[echo.HeaderContentEncoding] = encodedGzip
		body, tag = n.Packed, `"`+n.Tag+`-gzip"`
	}
	header["Etag"] = []string{tag}
	header[headerCache] = []string{string(n.Source)}
	if n.known != "" && matches(n.known, tag) {
		header.Del(echo.HeaderContentEncoding)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return document{body: body}.write(w)
}

// smallestPacked is the size from which on a body is worth compressing, in bytes.
const smallestPacked = 1 << 10

// Pack compresses a body that is sent again and again; nil: it is not worth it.
func Pack(body []byte) []byte {
	if len(body) < smallestPacked {
		return nil
	}
	var out bytes.Buffer
	w, err := newCompressor("gzip", &out)
	if err != nil {
		return nil
	}
	if _, err := w.Write(body); err != nil || w.Close() != nil {
		return nil
	}
	return out.Bytes()
}
