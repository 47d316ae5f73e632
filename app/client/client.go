// Package client sends logs to a shipper over HTTP. It is a Watermill
// publisher of one try: what to do after a failure is for whoever wraps it,
// such as middleware/batching, which also packs many logs into one request. It
// also asks the roles how they do, for the gateway.
//
//	client.go       Client: the publisher, and what an answer means
//	states.go       States: what shippers have in hand (app.ShipperStates)
//	rolemetrics.go  Roles: the metrics of roles
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/klauspost/compress/gzip"

	"millrace/app"
)

const (
	// timeout bounds a request. It is above the 5 s that a shipper may take
	// to fill a batch when it answers only once Kafka has it.
	timeout = 30 * time.Second
	// compressFrom is the size from which compression pays.
	compressFrom = 4 << 10
)

// Client is a message.Publisher whose messages' payloads are NDJSON, one
// request a message. Safe for concurrent use.
type Client struct {
	target string
	http   *http.Client
}

// New returns a Client for the shipper at a URL such as http://localhost:8082.
func New(target string, cfg app.HTTPConfig) (*Client, error) {
	base, requests, err := cfg.Dial(target, "producer-target", "http://localhost:8082", timeout)
	if err != nil {
		return nil, err
	}
	return &Client{target: base + "/api/logs", http: requests}, nil
}

// String names the publisher in Watermill's metrics.
func (*Client) String() string { return "client.Client" }

// Close closes the idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Publish sends each message in a request of its own and returns when the
// shipper took them. The first that it does not take ends it with an app.Error:
// permanent (app.Permanent) when the request itself is at fault.
func (c *Client) Publish(_ string, messages ...*message.Message) error {
	for _, msg := range messages {
		if err := c.send(msg.Context(), msg.Payload); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) send(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("User-Agent", "millrace")
	if len(body) >= compressFrom {
		request.Header.Set("Content-Encoding", "gzip")
		body = compressed(body)
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	request.ContentLength = int64(len(body))
	response, err := c.http.Do(request)
	if err != nil {
		return app.NoAnswer(ctx, "shipper", c.target, "producer-target", err)
	}
	defer response.Body.Close()
	return answer(response)
}

func compressed(body []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	// A buffer takes everything.
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

// answer turns a response into an error, or nil when the logs were taken.
func answer(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if response.StatusCode/100 == 2 {
		return nil
	}
	if err != nil {
		body = nil
	}
	var problem struct{ Detail string }
	_ = json.Unmarshal(body, &problem) // from another server it may be anything
	refusal := &app.Error{Kind: kindOf(response.StatusCode)}
	// A shipper that finds fault with logs says which.
	elsewhere := isElsewhere(response.StatusCode) || problem.Detail == "" && refusal.Kind == app.KindInvalid
	if elsewhere {
		refusal.Kind = app.KindUnavailable
	}
	if problem.Detail == "" {
		problem.Detail = app.Unexplained(response.StatusCode, body)
	}
	refusal.Message = fmt.Sprintf("the shipper answered %d: %s", response.StatusCode, problem.Detail)
	switch {
	case app.BarsEntry(refusal):
		refusal.Message += " (setting api-key)"
	case elsewhere:
		refusal.Message += " (is producer-target the address of a shipper?)"
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		refusal.RetryAfter = time.Duration(seconds) * time.Second
	}
	return refusal
}

func kindOf(status int) app.Kind {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return app.KindTooLarge
	case http.StatusUnauthorized:
		return app.KindUnauthenticated
	case http.StatusForbidden:
		return app.KindForbidden
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return app.KindInvalid
	default:
		return app.KindUnavailable // no fault of the logs
	}
}

// isElsewhere tells whether an answer is that of a server which is no shipper.
func isElsewhere(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		return true
	default:
		return status/100 == 3
	}
}
