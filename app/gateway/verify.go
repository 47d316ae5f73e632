package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"millrace/app"
)

// Verify lets the gateway compare its ledger with every row that is kept. It returns an error unless the
// gateway came to a result.
func (c *Client) Verify(ctx context.Context, asked app.LedgerQuery, report app.VerifyReport) (app.Verification, error) {
	query := url.Values{"settle": {asked.Settle.String()}}
	if asked.Shipper != "" {
		query.Set("shipper", asked.Shipper)
	}
	response, err := c.do(ctx, http.MethodPost, "/api/ledger/verify", query, nil)
	if err != nil {
		return app.Verification{}, err
	}
	defer response.Body.Close()
	lines := json.NewDecoder(response.Body)
	for {
		var line app.VerifyLine
		if err := lines.Decode(&line); err != nil {
			return app.Verification{}, app.Errorf(app.KindUnavailable, "the gateway broke off before it came to a result: %w", errors.Join(err, ctx.Err()))
		}
		switch {
		case line.Result != nil:
			return *line.Result, nil
		case line.Error != "":
			return app.Verification{}, app.Errorf(app.KindUnavailable, "the gateway could not finish: %s", line.Error)
		case line.Finding != nil && report.Finding != nil:
			err = report.Finding(*line.Finding)
		case line.Progress != nil && report.Progress != nil:
			err = report.Progress(*line.Progress)
		}
		if err != nil {
			return app.Verification{}, err
		}
	}
}
