package quarantine

import (
	"encoding/json"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// maxPayload is how much is shown of what cannot be read, in bytes.
const maxPayload = 64 << 10

// detail is an item with all that is known of it.
type detail struct {
	app.QuarantineItem
	Headers   []header              `json:"headers"`
	History   []app.QuarantineEvent `json:"history"`
	Logs      []json.RawMessage     `json:"logs"`
	LogsTotal int                   `json:"logs_total"`
	Payload   []byte                `json:"payload,omitempty"` // of what is no batch, its beginning
}

// header is a header whose value is text, or else bytes.
type header struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Bytes []byte `json:"bytes,omitempty"`
}

// GetQuarantineItem answers with one item.
func (h *handlers) GetQuarantineItem(c echo.Context, item Item) error {
	id, err := itemID(item)
	if err != nil {
		return err
	}
	found, shown, err := h.quarantine.Item(c.Request().Context(), id)
	if err != nil {
		return err
	}
	out := detail{QuarantineItem: found.QuarantineItem, Headers: []header{}, History: found.History, Logs: shown.Logs, LogsTotal: shown.Of}
	for _, given := range found.Headers {
		one := header{Name: string(given.Name)}
		if utf8.Valid(given.Value) {
			one.Value = string(given.Value)
		} else {
			one.Bytes = given.Value
		}
		out.Headers = append(out.Headers, one)
	}
	if out.Logs == nil {
		out.Logs = []json.RawMessage{}
	}
	if out.LogsTotal == 0 {
		out.Payload = found.Payload[:min(len(found.Payload), maxPayload)]
	}
	return c.JSON(http.StatusOK, out)
}

// GetQuarantinePayload answers with an item's bytes, which nobody must take for
// anything else.
func (h *handlers) GetQuarantinePayload(c echo.Context, item Item) error {
	id, err := itemID(item)
	if err != nil {
		return err
	}
	found, _, err := h.quarantine.Item(c.Request().Context(), id)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("Content-Disposition", `attachment; filename="item-`+strconv.FormatInt(id, 10)+`.bin"`)
	header.Set("X-Content-Type-Options", "nosniff")
	return c.Blob(http.StatusOK, echo.MIMEOctetStream, found.Payload)
}

func itemID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, &app.Error{Kind: app.KindInvalid, Field: "item", Message: "item is " + strconv.Quote(text) + ": want an item's id, a number"}
	}
	return id, nil
}
