package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"millrace/app"
)

// QuarantinePage is a page of the quarantine; Next is empty on the last.
type QuarantinePage struct {
	Items []app.QuarantineItem `json:"items"`
	Next  string               `json:"next"`
}

// QuarantineItem is all that the gateway tells of an item. Raw is that, as it
// came.
type QuarantineItem struct {
	app.QuarantineItem
	Headers []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
		Bytes []byte `json:"bytes"`
	} `json:"headers"`
	History   []app.QuarantineEvent `json:"history"`
	Logs      []json.RawMessage     `json:"logs"`
	LogsTotal int                   `json:"logs_total"`
	Payload   []byte                `json:"payload"` // the beginning of what is no batch of logs
	Raw       json.RawMessage       `json:"-"`
}

// Quarantine lists items; cursor is Next of the page before, or empty.
func (c *Client) Quarantine(ctx context.Context, filter app.QuarantineFilter, limit int, cursor string) (QuarantinePage, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("state", filter.State)
	set("stage", filter.Stage)
	set("reason", filter.Reason)
	set("shipper", filter.Shipper)
	set("from", instant(filter.From))
	set("to", instant(filter.To))
	set("cursor", cursor)
	var page QuarantinePage
	err := c.read(ctx, http.MethodGet, "/api/quarantine", query, nil, &page)
	return page, err
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// QuarantineItem returns one item.
func (c *Client) QuarantineItem(ctx context.Context, id int64) (item QuarantineItem, err error) {
	if err := c.read(ctx, http.MethodGet, "/api/quarantine/"+strconv.FormatInt(id, 10), nil, nil, &item.Raw); err != nil {
		return item, err
	}
	if err := json.Unmarshal(item.Raw, &item); err != nil {
		return item, app.Errorf(app.KindUnavailable, "the gateway's answer cannot be read: %w", err)
	}
	return item, nil
}

// QuarantinePayload writes an item's bytes to a writer.
func (c *Client) QuarantinePayload(ctx context.Context, id int64, to io.Writer) error {
	response, err := c.do(ctx, http.MethodGet, "/api/quarantine/"+strconv.FormatInt(id, 10)+"/payload", nil, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(to, response.Body)
	return err
}

// Replay lets the gateway send items through the pipeline again.
func (c *Client) Replay(ctx context.Context, chosen app.QuarantineSelection) (app.QuarantineResults, error) {
	return c.decide(ctx, "replay", chosen)
}

// Discard lets the gateway give items up.
func (c *Client) Discard(ctx context.Context, chosen app.QuarantineSelection) (app.QuarantineResults, error) {
	return c.decide(ctx, "discard", chosen)
}

func (c *Client) decide(ctx context.Context, what string, chosen app.QuarantineSelection) (done app.QuarantineResults, err error) {
	body := map[string]any{"ids": chosen.IDs}
	if len(chosen.IDs) == 0 {
		filter := map[string]string{}
		for name, value := range map[string]string{
			"stage": chosen.Filter.Stage, "reason": chosen.Filter.Reason, "shipper": chosen.Filter.Shipper,
			"from": instant(chosen.Filter.From), "to": instant(chosen.Filter.To),
		} {
			if value != "" {
				filter[name] = value
			}
		}
		body = map[string]any{"filter": filter, "limit": chosen.Limit}
	}
	err = c.read(ctx, http.MethodPost, "/api/quarantine/"+what, nil, body, &done)
	return done, err
}
