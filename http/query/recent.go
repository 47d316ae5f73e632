package query

import (
	"encoding/json"

	"github.com/labstack/echo/v4"
)

// headerCache says where the newest logs came from; see app.RecentSource.
const headerCache = "X-Cache"

// recent answers GET /api/query/recent?limit=N.
func (h *handlers) recent(c echo.Context) error {
	p := newParams(c.Request().URL.RawQuery)
	limit := p.limit()
	if err := p.err(); err != nil {
		return err
	}
	logs, source, err := h.cfg.Recent.Newest(c.Request().Context(), limit)
	if err != nil {
		return err
	}
	c.Response().Header().Set(headerCache, string(source))
	return answer(c, join(logs))
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
