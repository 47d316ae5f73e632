package query

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// endpoint is one line of the index.
type endpoint struct {
	Path string `json:"path"`
	What string `json:"what"`
}

var endpoints = []endpoint{
	{"/api/query/recent?limit=100", "the newest logs, newest first"},
	{"/api/logs?service=NAME&min_level=WARN&text=WORDS&from=-1h", "logs that match, page by page: next and prev are values for cursor"},
	{"/api/logs/histogram?from=-1h&by=level", "counts over time; /api/logs/facets and /api/logs/stats count, too"},
	{"/api/logs/export?format=csv&service=NAME", "all logs that match, as a file"},
	{"/api/logs/tail?service=NAME", "logs as they come, as server-sent events"},
	{"/docs", "all of the API, to read and to try; /openapi.yaml is for programs"},
	{"/api/ledger", "what became of every log: accepted, stored, quarantined, missing, by shipper"},
	{"/api/batches?shipper=ID", "batches; /api/batches/ID shows one's life"},
	{"/actuator/health", "whether everything that is needed can be used"},
	{"/actuator/metrics", "names of metrics; /actuator/metrics/NAME shows one"},
	{"/metrics", "all metrics, for Prometheus"},
}

// index answers GET /api.
func (h *handlers) index(c echo.Context) error {
	return c.JSONPretty(http.StatusOK, map[string]any{"name": "millrace gateway", "endpoints": endpoints}, "  ")
}
