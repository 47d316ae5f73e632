package query

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/openapi"
)

const (
	// exportBuffer is how much of an export is gathered, in bytes, before it is
	// compressed and sent. An error before that is answered with a document.
	exportBuffer = 64 << 10
	// exportPatience is how long a client may take to read what is sent at once.
	exportPatience = 60 * time.Second
)

// export answers GET /api/logs/export. It holds no more than exportBuffer of the
// export at any time, and is bounded by nothing but its client's patience.
func (h *handlers) export(c echo.Context) error {
	ctx := c.Request().Context()
	values := openapi.Values(ctx)
	r := newReader(ctx, "")
	query := app.Query{Filter: r.filter(), OldestFirst: values.Get("order") == "oldest"}
	query.Limit, _ = strconv.Atoi(values.Get("limit")) // it was checked
	h.bound(r, &query.Filter)
	if err := r.err(); err != nil {
		return err
	}
	form := exportForms[cmpOr(values.Get("format"), "ndjson")]
	out := newExportStream(c, form)
	if c.Request().Method == http.MethodHead {
		out.begin()
		return nil
	}
	// The server's time for reading a request is over long before this ends.
	_ = out.control.SetReadDeadline(time.Time{})
	err := h.writeExport(ctx, query, form, out)
	if err != nil && c.Response().Committed {
		if h.cfg.Logger != nil && ctx.Err() == nil {
			h.cfg.Logger.WarnContext(ctx, "an export broke off", "error", err)
		}
		// The transfer is cut: ended, it would look like a whole one.
		panic(http.ErrAbortHandler)
	}
	return err
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (h *handlers) writeExport(ctx context.Context, query app.Query, form exportForm, out *exportStream) error {
	compressed, err := out.compressor()
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(compressed, exportBuffer)
	rows := form.rows(buffered, h.cfg.EncodeOTLP)
	if err := rows.begin(); err != nil {
		return err
	}
	if err := h.cfg.Walker.Walk(ctx, query, rows.add); err != nil {
		return err
	}
	if err := rows.end(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return err
	}
	out.begin() // of an export without a byte, too
	return nil
}

// exportStream is the answer's body. Its headers go out with the first byte.
type exportStream struct {
	c        echo.Context
	control  *http.ResponseController
	form     exportForm
	encoding string
}

func newExportStream(c echo.Context, form exportForm) *exportStream {
	return &exportStream{c, http.NewResponseController(c.Response()), form, chooseEncoding(c.Request().Header.Get(echo.HeaderAcceptEncoding), encodings...)}
}

func (s *exportStream) begin() {
	response := s.c.Response()
	if response.Committed {
		return
	}
	header := response.Header()
	header.Set(echo.HeaderContentType, s.form.contentType)
	header.Set(echo.HeaderContentDisposition, `attachment; filename="logs.`+s.form.suffix+`"`)
	header.Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
	header.Set(echo.HeaderXContentTypeOptions, "nosniff")
	if s.encoding != "" {
		header.Set(echo.HeaderContentEncoding, s.encoding)
	}
	response.WriteHeader(http.StatusOK)
}

// Write implements io.Writer.
func (s *exportStream) Write(p []byte) (int, error) {
	s.begin()
	// What a server without deadlines cannot do, a test's, it need not.
	_ = s.control.SetWriteDeadline(time.Now().Add(exportPatience))
	return s.c.Response().Write(p)
}

// compressor returns what writes to the stream as the client wants it.
func (s *exportStream) compressor() (io.WriteCloser, error) {
	return newCompressor(s.encoding, s)
}
