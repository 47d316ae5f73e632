package query

import (
	"context"
	"encoding/json"
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
	return document{join(logs), http.Header{headerCache: {string(source)}}}, nil
}

// join splices objects into one array without looking into them.
func join(logs []json.RawMessage) []byte {
	size := 2
	for _, log := range logs {
		size += len(log) + 1
	}
	out := append(make([]byte, 0, size), '[')
	for i, log := range logs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, log...)
	}
	return append(out, ']')
}
