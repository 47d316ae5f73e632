package tail

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// place is where a stream may begin.
type place struct {
	LastEventID string `json:"last_event_id"`
}

// stored answers GET /api/logs/tail/place.
func (h *handler) stored(c echo.Context) error {
	if h.cfg.Hub == nil {
		return errNoKafka
	}
	from, err := h.cfg.Hub.Stored(c.Request().Context(), h.cfg.Stored)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, place{from.String()})
}
