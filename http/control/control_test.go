package control_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/control"
)

type producer struct{ rate float64 }

func (p *producer) Rate() float64        { return p.rate }
func (p *producer) SetRate(rate float64) { p.rate = rate }

func TestRate(t *testing.T) {
	for name, c := range map[string]struct {
		method, body string
		want         float64
		refused      bool
	}{
		"show":     {"GET", "", 10, false},
		"set":      {"PUT", `{"rate":50.5}`, 50.5, false},
		"pause":    {"POST", `{"rate":0}`, 0, false},
		"negative": {"PUT", `{"rate":-1}`, 10, true},
		"too much": {"PUT", `{"rate":1e9}`, 10, true},
		"nothing":  {"PUT", ``, 10, true},
		"no rate":  {"PUT", `{}`, 10, true},
		"text":     {"PUT", `{"rate":"fast"}`, 10, true},
		"unknown":  {"PUT", `{"speed":5}`, 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			var failure error
			e := echo.New()
			e.HTTPErrorHandler = func(err error, _ echo.Context) { failure = err }
			p := &producer{rate: 10}
			control.Mount(e, p)
			recorder := httptest.NewRecorder()
			e.ServeHTTP(recorder, httptest.NewRequest(c.method, "/api/rate", strings.NewReader(c.body)))
			if p.rate != c.want || (failure != nil) != c.refused {
				t.Errorf("rate %v, error %v", p.rate, failure)
			}
			if c.refused && app.KindOf(failure) != app.KindInvalid {
				t.Errorf("error %v", failure)
			}
			if !c.refused && !strings.HasPrefix(recorder.Body.String(), `{"rate":`) {
				t.Errorf("answer %s", recorder.Body)
			}
		})
	}
}

type shipper struct{ id string }

func (s shipper) State() (app.ShipperState, bool) {
	return app.ShipperState{ID: s.id, Accepted: 3, Sealed: 2, Shipped: 1, Breaker: "closed"}, s.id != ""
}

func TestShipper(t *testing.T) {
	for id, want := range map[string]string{
		"k3v9": `200 {"id":"k3v9","accepted":3,"sealed":2,"shipped":1,"breaker":"closed"}`,
		"":     "404 ",
	} {
		e := echo.New()
		e.HTTPErrorHandler = func(err error, c echo.Context) {
			if app.KindOf(err) == app.KindNotFound {
				_ = c.String(404, err.Error())
			}
		}
		control.MountShipper(e, shipper{id})
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest("GET", "/api/shipper", nil))
		if got := fmt.Sprint(w.Code, " ", w.Body); !strings.HasPrefix(got, want) {
			t.Errorf("%q: got %s, want %s", id, got, want)
		}
	}
}
