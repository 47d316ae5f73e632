// Package query answers questions about stored logs over HTTP.
//
//	GET /api/query/recent  the newest logs, a bare JSON array, newest first
//	GET /api/logs          logs by time, level, service, host and text, page by page
//	GET /                  what there is
//
//	query.go   Config, Mount and the ports it needs
//	recent.go  the newest logs
//	logs.go    a page, and the links to the pages beside it
//	params.go  from query parameters to an app.Query
//	moment.go  times: RFC 3339, Unix, and relative to now
//	anchor.go  cursors that keep "now" where it was
//	index.go   the list of endpoints
//
// Parameters that are unknown or wrong are refused, each by its name: a
// misspelt filter must not answer with logs that nobody asked for.
package query
