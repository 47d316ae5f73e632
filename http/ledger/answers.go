package ledger

import (
	"context"
	"time"

	"millrace/app"
	"millrace/http/openapi"
)

// handlers implements the generated StrictServerInterface.
type handlers struct {
	cfg       Config
	verifying chan struct{} // holds one while a verification runs
}

var _ StrictServerInterface = (*handlers)(nil)

// GetLedger answers GET /api/ledger.
func (h *handlers) GetLedger(ctx context.Context, request GetLedgerRequestObject) (GetLedgerResponseObject, error) {
	report, err := h.cfg.Ledger.Report(ctx, ledgerQuery(value(request.Params.Shipper), value(request.Params.Settle)))
	return GetLedger200JSONResponse(report), err
}

// GetBatch answers GET /api/batches/{id}.
func (h *handlers) GetBatch(ctx context.Context, request GetBatchRequestObject) (GetBatchResponseObject, error) {
	life, err := h.cfg.Ledger.Batch(ctx, request.Id)
	return GetBatch200JSONResponse(life), err
}

// ListBatches answers GET /api/batches.
func (h *handlers) ListBatches(ctx context.Context, request ListBatchesRequestObject) (ListBatchesResponseObject, error) {
	params := request.Params
	query := app.BatchQuery{Shipper: value(params.Shipper), Limit: app.DefaultLimit}
	if params.Limit != nil {
		query.Limit = *params.Limit
	}
	// What there is was checked.
	if from := value(params.From); from != "" {
		query.From, _, _ = openapi.Moment(from, time.Now())
	}
	if cursor := value(params.Cursor); cursor != "" {
		query.At, _ = app.ParseBatchCursor(cursor)
	}
	found, err := h.cfg.Ledger.Batches(ctx, query)
	if err != nil {
		return nil, err
	}
	page := BatchPage{Batches: found.Batches}
	if page.Batches == nil {
		page.Batches = []app.BatchLife{}
	}
	if found.Next != nil {
		next := found.Next.String()
		page.Next = &next
	}
	return ListBatches200JSONResponse(page), nil
}

// value returns what a parameter says, or nothing.
func value(parameter *string) string {
	if parameter == nil {
		return ""
	}
	return *parameter
}
