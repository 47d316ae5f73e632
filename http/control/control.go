// Package control lets an operator steer the producer, and see what the shipper
// has in hand, over HTTP.
//
//	GET /api/rate               {"rate":10}
//	PUT /api/rate {"rate":50}   the same, as it is from now on
//	GET /api/shipper            {"id":"k3v9","accepted":30,"sealed":20,"shipped":10,…}
package control

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// Producer is what can be steered. Safe for concurrent use.
type Producer interface {
	Rate() float64
	SetRate(rate float64)
}

// Shipper tells what it has in hand; it is false for one that numbers nothing
// on disk. Safe for concurrent use.
type Shipper interface {
	State() (app.ShipperState, bool)
}

// MountShipper adds the shipper's endpoint to a server, whose error handler
// answers an *app.Error.
func MountShipper(e *echo.Echo, shipper Shipper) {
	e.GET("/api/shipper", func(c echo.Context) error {
		state, ok := shipper.State()
		if !ok {
			return app.Errorf(app.KindNotFound, "this shipper has no journal (setting batching-acknowledge)")
		}
		return c.JSON(http.StatusOK, state)
	})
}

type rate struct {
	Rate *float64 `json:"rate"`
}

// Mount adds the endpoints to a server, whose error handler answers an
// *app.Error.
func Mount(e *echo.Echo, producer Producer) {
	show := func(c echo.Context) error {
		now := producer.Rate()
		return c.JSON(http.StatusOK, rate{&now})
	}
	set := func(c echo.Context) error {
		wanted, err := readRate(c.Request())
		if err != nil {
			return err
		}
		producer.SetRate(wanted)
		return show(c)
	}
	e.GET("/api/rate", show)
	e.PUT("/api/rate", set)
	e.POST("/api/rate", set)
}

func readRate(r *http.Request) (float64, error) {
	var in rate
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1024))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return 0, &app.Error{Kind: app.KindInvalid, Field: "rate", Err: err, Message: `want a JSON object such as {"rate":50}: ` + err.Error()}
	}
	if in.Rate == nil || *in.Rate < 0 || *in.Rate > app.MaxProducerRate {
		return 0, &app.Error{Kind: app.KindInvalid, Field: "rate", Message: fmt.Sprintf("rate must be 0 to %d logs a second", app.MaxProducerRate)}
	}
	return *in.Rate, nil
}
