package query

import (
	"context"
	"net/http"
	"net/url"

	"millrace/app"
	"millrace/http/openapi"
)

// SearchLogs answers GET /api/logs.
func (h *handlers) SearchLogs(ctx context.Context, request SearchLogsRequestObject) (SearchLogsResponseObject, error) {
	query, r, err := h.page(ctx, request.Params)
	if err != nil {
		return nil, err
	}
	page, err := h.cfg.Reader.Logs(ctx, query)
	if err != nil {
		return nil, err
	}
	next, prev := r.at.cursor(page.Next), r.at.cursor(page.Prev)
	links := http.Header{}
	addLink(links, ctx, next, "next")
	addLink(links, ctx, prev, "prev")
	return document{appendPage(page.Logs, next, prev), links}, nil
}

// page reads all parameters of a listing.
func (h *handlers) page(ctx context.Context, params SearchLogsParams) (app.Query, *reader, error) {
	r := newReader(ctx, openapi.Value(params.Cursor))
	query := app.Query{Filter: r.filter(), Limit: openapi.Or(params.Limit, app.DefaultLimit), OldestFirst: openapi.Value(params.Order) == SearchLogsParamsOrderOldest}
	h.bound(r, &query.Filter)
	if r.cursor != "" && !r.wrong.Any() {
		var err error
		if query.At, err = app.ParseCursor(r.cursor, query); err != nil {
			r.wrong.AddError(err)
		}
	}
	return query, r, r.err()
}

// bound holds the range of a search to the limit there may be.
func (h *handlers) bound(r *reader, f *app.Filter) {
	limit := h.cfg.MaxRange
	if limit == 0 || r.wrong.Any() {
		return
	}
	end := f.To
	if end.IsZero() {
		end = r.at.now
	}
	switch {
	case f.From.IsZero():
		f.From = end.Add(-limit)
		r.at.used = r.at.used || f.To.IsZero()
	case end.Sub(f.From) > limit:
		r.wrong.Add("from", "from is more than %s before the end: ask for a shorter time", limit)
	}
}

// GetLog answers GET /api/logs/{id}.
func (h *handlers) GetLog(ctx context.Context, request GetLogRequestObject) (GetLogResponseObject, error) {
	id, err := h.logID(ctx, request.Id)
	if err != nil {
		return nil, err
	}
	log, err := h.cfg.Finder.Log(ctx, id)
	if err != nil {
		return nil, err
	}
	return document{body: log.AppendJSON(nil)}, nil
}

// GetLogContext answers GET /api/logs/{id}/context.
func (h *handlers) GetLogContext(ctx context.Context, request GetLogContextRequestObject) (GetLogContextResponseObject, error) {
	id, err := h.logID(ctx, request.Id)
	if err != nil {
		return nil, err
	}
	around, err := h.cfg.Finder.Context(ctx, app.ContextQuery{
		ID: id, Before: openapi.Or(request.Params.Before, defaultContext), After: openapi.Or(request.Params.After, defaultContext),
	})
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, (len(around.Before)+len(around.After)+1)*typicalLog)
	out = appendLogs(append(out, `{"before":`...), around.Before)
	out = around.Log.AppendJSON(append(out, `,"log":`...))
	out = appendLogs(append(out, `,"after":`...), around.After)
	return document{body: append(out, '}')}, nil
}

// defaultContext is how many logs a context has on each side.
const defaultContext = 10

// logID reads an id of either form. One of a log as it came leads to the log that
// is stored.
func (h *handlers) logID(ctx context.Context, text string) (app.LogID, error) {
	if live, ok := app.ParseLiveID(text); ok {
		return h.cfg.Finder.Find(ctx, live)
	}
	id, err := app.ParseLogID(text)
	if err != nil {
		return 0, &app.Error{Kind: app.KindInvalid, Field: "id", Err: err, Message: err.Error()}
	}
	return id, nil
}

// addLink adds a Link header (RFC 8288): the same request with another cursor.
func addLink(header http.Header, ctx context.Context, cursor, rel string) {
	if cursor == "" {
		return
	}
	values := url.Values{}
	for name, given := range openapi.Values(ctx) {
		values[name] = given
	}
	values.Set("cursor", cursor)
	target := url.URL{Path: "/api/logs", RawQuery: values.Encode()}
	header.Add("Link", "<"+target.String()+">; rel=\""+rel+"\"")
}

// appendPage writes {"logs":[…],"next":…,"prev":…}; a cursor that is none is null.
func appendPage(logs []app.Log, next, prev string) []byte {
	out := make([]byte, 0, len(logs)*typicalLog+128)
	out = appendLogs(append(out, `{"logs":`...), logs)
	out = appendCursor(append(out, `,"next":`...), next)
	out = appendCursor(append(out, `,"prev":`...), prev)
	return append(out, '}')
}

func appendCursor(dst []byte, cursor string) []byte {
	if cursor == "" {
		return append(dst, "null"...)
	}
	return app.AppendJSONString(dst, cursor)
}
