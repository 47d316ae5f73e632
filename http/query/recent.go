package query

import (
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
	logs, source, err := h.cfg.Recent.Newest(ctx, openapi.Or(request.Params.Limit, app.DefaultLimit))
	if err != nil {
		return nil, err
	}
	header := http.Header{headerCache: {string(source)}}
	if ctx.Value(gzipKey{}) != nil {
		if packed := h.recent.of(logs); packed != nil {
			header[echo.HeaderContentEncoding] = []string{"gzip"}
			logs = packed
		}
	}
	return document{logs, header}, nil
}
