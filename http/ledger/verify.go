package ledger

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
)

const (
	// busy is when to come back while another verification runs.
	busy = 5 * time.Second
	// lineTimeout is how long a client may take to read a line of the stream.
	lineTimeout = 30 * time.Second
	ndjson      = "application/x-ndjson"
)

// verify answers POST /api/ledger/verify with a stream of app.VerifyLine, one
// a line. A stream that ends without a result or an error was cut off. One
// verification runs at a time: each reads every row there is.
func (h *handlers) verify(c echo.Context) error {
	given := openapi.Values(c.Request().Context())
	query := ledgerQuery(given.Get("shipper"), given.Get("settle"))
	select {
	case h.verifying <- struct{}{}:
		defer func() { <-h.verifying }()
	default:
		return &app.Error{Kind: app.KindUnavailable, RetryAfter: busy, Message: "a verification is running already: come back when it is done"}
	}
	out := &stream{response: c.Response(), control: http.NewResponseController(c.Response())}
	// The server's time for reading a request is over long before this ends.
	_ = out.control.SetReadDeadline(time.Time{})
	result, err := h.cfg.Ledger.Verify(c.Request().Context(), query, app.VerifyReport{
		Finding:  func(f app.Finding) error { return out.send(app.VerifyLine{Finding: &f}) },
		Progress: func(p app.VerifyProgress) error { return out.send(app.VerifyLine{Progress: &p}) },
	})
	if err != nil && !c.Response().Committed {
		return err
	}
	if err != nil {
		_ = out.send(app.VerifyLine{Error: err.Error()}) // whoever left does not miss it
		return err
	}
	return out.send(app.VerifyLine{Result: &result})
}

// stream sends JSON, one document a line, each at once.
type stream struct {
	response *echo.Response
	control  *http.ResponseController
}

func (s *stream) send(line app.VerifyLine) error {
	if !s.response.Committed {
		s.response.Header().Set(echo.HeaderContentType, ndjson)
		s.response.Header().Set(echo.HeaderCacheControl, "no-store")
		s.response.WriteHeader(http.StatusOK)
	}
	// What a server without deadlines cannot do, a test's, it need not.
	_ = s.control.SetWriteDeadline(time.Now().Add(lineTimeout))
	if err := json.NewEncoder(s.response).Encode(line); err != nil {
		return err
	}
	s.response.Flush()
	return nil
}
