package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"millrace/app"
	"millrace/app/client"
)

func TestStatesTellsWhoAnsweredAndWhoDidNot(t *testing.T) {
	answering := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/shipper" {
				t.Errorf("asked for %s", r.URL)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	states, err := client.NewStates([]string{
		answering(200, `{"id":"k3v9","accepted":30,"sealed":20,"shipped":10,"journal":{"bytes":1,"segments":1},"breaker":"closed","more":1}`) + "/",
		"http://127.0.0.1:1",
		answering(404, ""),
		answering(200, "{}"),
		answering(200, "<html>"),
	}, app.HTTPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer states.Close()
	got := states.States(t.Context())
	if s := got[0].State; s == nil || s.ID != "k3v9" || s.Accepted != 30 || s.Sealed != 20 || s.Shipped != 10 || s.Breaker != "closed" || got[0].Error != "" {
		t.Errorf("%+v", got[0])
	}
	for i, want := range []string{"", "refused", "404", "names no shipper", "cannot be read"} {
		if i > 0 && (got[i].State != nil || !strings.Contains(got[i].Error, want) || got[i].URL == "") {
			t.Errorf("%+v: want an error with %q", got[i], want)
		}
	}
	nobody, err := client.NewStates(nil, app.HTTPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if got := nobody.States(t.Context()); len(got) != 0 {
		t.Errorf("nobody answered %v", got)
	}
}
