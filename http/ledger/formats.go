package ledger

import (
	"errors"
	"time"

	"millrace/app"
	"millrace/http/openapi"
)

// formats are the formats of parameters in openapi.yaml that these endpoints
// have.
var formats = map[string]openapi.Format{
	"settle":       func(value string) error { _, err := settle(value); return err },
	"batch-cursor": func(value string) error { _, err := app.ParseBatchCursor(value); return err },
}

// settle reads how long a number may be missing before it counts as a gap.
func settle(text string) (time.Duration, error) {
	settle, err := time.ParseDuration(text)
	if err != nil || settle < 0 {
		return 0, errors.New("want a time such as 30s, or 0s")
	}
	return settle, nil
}

// ledgerQuery reads parameters that were checked.
func ledgerQuery(shipper, length string) app.LedgerQuery {
	query := app.LedgerQuery{Shipper: shipper, Settle: app.DefaultSettle}
	if length != "" {
		query.Settle, _ = settle(length)
	}
	return query
}
