// Package gateway asks a gateway over HTTP, for the commands that do.
//
//	client.go      Client: a request, and what a refusal means
//	logs.go        logs page by page, histograms, and the values of a field
//	tail.go        logs as they come, over as many connections as it takes
//	verify.go      the ledger beside the rows, told as it goes
//	quarantine.go  the items, and what is decided of them
package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"millrace/app"
)

// Client asks one gateway. Safe for concurrent use.
type Client struct {
	target string
	http   *http.Client
	anew   bool
}

// New returns a Client for the gateway at a URL such as http://localhost:8080.
func New(target string, cfg app.HTTPConfig) (*Client, error) {
	base, requests, err := cfg.Dial(target, "gateway-url", "http://localhost:8080", 0)
	if err != nil {
		return nil, err
	}
	return &Client{target: base, http: requests}, nil
}

// Anew returns a client whose answers have all that is stored when it asks, while
// others may be a moment old. Closing one closes both.
func (c *Client) Anew() *Client {
	out := *c
	out.anew = true
	return &out
}

// Close closes the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do asks, and returns the answer when it is a good one; its body is to be
// closed. It waits for as long as ctx lets it. body is sent as JSON; nil is
// none.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	if body == nil {
		return c.ask(ctx, method, path, query, nil, nil)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, method, path, query, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(text))
}

func (c *Client) ask(ctx context.Context, method, path string, query url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	target := c.target + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if header != nil {
		request.Header = header
	}
	request.Header.Set("User-Agent", "millrace")
	if c.anew {
		request.Header.Set("Cache-Control", "no-cache")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, app.NoAnswer(ctx, "gateway", c.target, "gateway-url", err)
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, refusal(response)
}

// read asks, and reads the JSON of the answer.
func (c *Client) read(ctx context.Context, method, path string, query url.Values, body, into any) error {
	response, err := c.do(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return app.Errorf(app.KindUnavailable, "the gateway's answer cannot be read: %w", errors.Join(err, ctx.Err()))
	}
	return nil
}

// refusal tells what the gateway said instead.
func refusal(response *http.Response) error {
	var problem struct{ Detail string }
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // what came of it
	_ = json.Unmarshal(body, &problem)                           // from another server it may be anything
	if problem.Detail == "" {
		problem.Detail = app.Unexplained(response.StatusCode, body)
	}
	refused := &app.Error{Kind: kindOf(response.StatusCode), Message: fmt.Sprintf("the gateway answered %d: %s", response.StatusCode, problem.Detail)}
	if app.BarsEntry(refused) {
		refused.Message += " (setting api-key)"
	}
	return refused
}

func kindOf(status int) app.Kind {
	switch {
	case status == http.StatusNotFound:
		return app.KindNotFound
	case status == http.StatusUnauthorized:
		return app.KindUnauthenticated
	case status == http.StatusForbidden:
		return app.KindForbidden
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return app.KindUnavailable
	default:
		return app.KindInvalid
	}
}
