package query

import (
	"context"
	"net/http"

	"millrace/app"
)

// headerCache says where the newest logs came from; see app.RecentSource.
const headerCache = "X-Cache"

// RecentLogs answers GET /api/query/recent.
func (h *handlers) RecentLogs(ctx context.Context, request RecentLogsRequestObject) (RecentLogsResponseObject, error) {
	logs, source, err := h.cfg.Recent.Newest(ctx, or(request.Params.Limit, app.DefaultLimit))
	if err != nil {
		return nil, err
	}
	return document{logs, http.Header{headerCache: {string(source)}}}, nil
}
