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
	report, err := h.cfg.Ledger.Report(ctx, ledgerQuery(openapi.Value(request.Params.Shipper), openapi.Value(request.Params.Settle)))
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
	query := app.BatchQuery{Shipper: openapi.Value(params.Shipper), Limit: openapi.Or(params.Limit, app.DefaultLimit)}
	// What there is was checked.
	if from := openapi.Value(params.From); from != "" {
		query.From, _, _ = openapi.Moment(from, time.Now())
	}
	if cursor := openapi.Value(params.Cursor); cursor != "" {
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
