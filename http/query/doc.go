// Package query answers questions about stored logs over HTTP.
//
//	GET /api/query/recent        the newest logs, a bare JSON array, newest first
//	GET /api/logs                logs that match, page by page
//	GET /api/logs/{id}           one log; /context: what was around it
//	GET /api/logs/histogram      counts over time
//	GET /api/logs/facets         the most frequent values of fields
//	GET /api/logs/stats          how many, how fast, of how many kinds
//	GET /api/logs/export         all logs that match, as a file
//	GET /api                     what there is
//
// All of it is described in http/openapi/openapi.yaml, from which generated.go is
// made (oapi.yaml says how): routes, types and the interface that handlers
// implements. What streams, the export, is plain Echo.
//
//	query.go     Config, Mount, limits
//	recent.go    the newest logs, compressed once for all who take them so
//	logs.go      a page, and the links to the pages beside it; one log; its context
//	counts.go    histogram, facets, stats
//	export.go    an export: forms.go writes the logs, compress.go packs them
//	filter.go    from query parameters to an app.Filter
//	formats.go   what single parameters may be
//	anchor.go    cursors that keep "now" where it was
//	cached.go    answers that are kept for a while, and what makes questions equal
//	answer.go    answers that are JSON already
//	index.go     the list of endpoints
//
// Parameters that are unknown or wrong are refused, each by its name: a
// misspelt filter must not answer with logs that nobody asked for. What a
// parameter must be by itself is checked against the document before the
// generated code reads it; what does not go together, here.
package query
