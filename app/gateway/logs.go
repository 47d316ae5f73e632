package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"millrace/app"
)

// RawLog is a log as the gateway wrote it.
type RawLog = json.RawMessage

// ReadLogs hands out the logs that match, page by page, up to limit. query has
// the parameters of /api/logs, but for limit and cursor.
func (c *Client) ReadLogs(ctx context.Context, query url.Values, limit int, each func(RawLog) error) error {
	query = clone(query)
	for limit > 0 {
		query.Set("limit", strconv.Itoa(min(limit, app.MaxLimit)))
		var page struct {
			Logs []RawLog
			Next string
		}
		if err := c.get(ctx, "/api/logs", query, &page); err != nil {
			return err
		}
		for _, log := range page.Logs {
			if err := each(log); err != nil {
				return err
			}
		}
		if limit -= len(page.Logs); page.Next == "" {
			return nil
		}
		query.Set("cursor", page.Next)
	}
	return nil
}

// Histogram counts logs over time. query has the parameters of
// /api/logs/histogram.
func (c *Client) Histogram(ctx context.Context, query url.Values) (app.Histogram, error) {
	var counts app.Histogram
	err := c.get(ctx, "/api/logs/histogram", query, &counts)
	return counts, err
}

// Values returns a field's most frequent values.
func (c *Client) Values(ctx context.Context, field app.Field) ([]string, error) {
	var facets app.Facets
	if err := c.get(ctx, "/api/logs/facets", url.Values{"field": {string(field)}, "limit": {"100"}}, &facets); err != nil {
		return nil, err
	}
	var values []string
	for _, f := range facets.Facets {
		for _, v := range f.Values {
			values = append(values, v.Value)
		}
	}
	return values, nil
}

func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	response, err := c.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := io.Copy(&body, response.Body); err != nil {
		return app.Errorf(app.KindUnavailable, "the gateway broke off: %w", err)
	}
	if err := json.Unmarshal(body.Bytes(), into); err != nil {
		return app.Errorf(app.KindUnavailable, "the gateway's answer cannot be read: %w", err)
	}
	return nil
}

func clone(query url.Values) url.Values {
	out := url.Values{}
	for name, values := range query {
		out[name] = values
	}
	return out
}
