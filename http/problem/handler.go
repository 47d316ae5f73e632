package problem

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// Renderer is an error that is answered in a form of its own, where a
// protocol wants one, with the status and headers of any other.
type Renderer interface {
	error
	// Render returns the answer's media type and body for what a Document
	// would have said.
	Render(doc Document) (contentType string, body []byte)
}

// Handler returns Echo's error handler: it answers with a Document, or as a
// Renderer in err's chain wants, and logs errors that are ours to mend.
func Handler(logger *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		doc := newDocument(c, err)
		logError(logger, c, err, doc)
		// Once the status line is out nothing can be changed any more.
		if c.Response().Committed {
			return
		}
		header := c.Response().Header()
		if pause := retryAfter(err, doc.Status); pause != "" {
			header.Set(echo.HeaderRetryAfter, pause)
		}
		contentType, body := render(err, doc)
		header.Set("Cache-Control", "no-store")
		if c.Request().Method == http.MethodHead {
			header.Set(echo.HeaderContentType, contentType)
			_ = c.NoContent(doc.Status)
			return
		}
		// A client that left does not read its answer; there is no one to tell.
		_ = c.Blob(doc.Status, contentType, body)
	}
}

func render(err error, doc Document) (contentType string, body []byte) {
	var own Renderer
	if errors.As(err, &own) {
		return own.Render(doc)
	}
	body, e := json.Marshal(doc)
	if e != nil { // strings and numbers always marshal
		return echo.MIMETextPlain, []byte(doc.Title)
	}
	return ContentType, body
}

// logError logs what the client is not told. A client's own mistakes are not
// logged, nor a full buffer: that is counted, and whoever floods us must not
// flood the log as well.
func logError(logger *slog.Logger, c echo.Context, err error, doc Document) {
	if doc.Status < http.StatusInternalServerError || app.KindOf(err) == app.KindFull {
		return
	}
	cause := []any{"error", err.Error()}
	var ours *app.Error
	if errors.As(err, &ours) && ours.Err != nil {
		cause = append(cause, "cause", ours.Err.Error())
	}
	logger.WarnContext(c.Request().Context(), "a request failed", append(cause,
		"status", doc.Status, "method", c.Request().Method, "path", doc.Instance, "request_id", doc.RequestID)...)
}
