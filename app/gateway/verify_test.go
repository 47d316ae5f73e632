package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const whole = `{"result":{"whole":true,"rows":7}}` + "\n"

// verify asks a gateway that answers with a status and a body.
func verify(t *testing.T, status int, body string, report app.VerifyReport) (app.Verification, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.String() != "/api/ledger/verify?settle=30s&shipper=a+b" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer server.Close()
	client, err := gateway.New(server.URL+"/", app.HTTPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return client.Verify(t.Context(), app.LedgerQuery{Shipper: "a b", Settle: 30 * time.Second}, report)
}

func TestVerifyHandsOutWhatTheGatewayFinds(t *testing.T) {
	var got []string
	result, err := verify(t, 200, `{"progress":{"days":1,"of":2,"rows":3}}`+"\n"+`{"finding":{"kind":"gap","shipper":"s","from":4,"to":6,"logs":3}}`+"\n"+whole, app.VerifyReport{
		Finding:  func(f app.Finding) error { got = append(got, f.String()); return nil },
		Progress: func(p app.VerifyProgress) error { got = append(got, fmt.Sprint(p)); return nil },
	})
	if err != nil || !result.Whole || result.Rows != 7 || fmt.Sprint(got) != "[{1 2 3} missing: shipper s, 4-6: 3 logs that no batch has]" {
		t.Errorf("%+v, %v, %q", result, err, got)
	}
}

// Only a result is one: whatever else comes, it could not tell.
func TestVerifyWithoutAResultIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"broken off":     {200, `{"progress":{}}` + "\n", "the gateway broke off before it came to a result: EOF"},
		"an error":       {200, `{"error":"gone"}` + "\n" + whole, "the gateway could not finish: gone"},
		"no stream":      {200, "<html>", "the gateway broke off before it came to a result: invalid character '<' looking for beginning of value"},
		"a problem":      {404, `{"detail":"the ledger knows no shipper"}`, "the gateway answered 404: the ledger knows no shipper"},
		"something else": {502, "<html>", "the gateway answered 502: Bad Gateway"},
		"of TLS":         {400, "Client sent an HTTP request to an HTTPS server.\n", "the gateway answered 400: Client sent an HTTP request to an HTTPS server."},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verify(t, c.status, c.body, app.VerifyReport{}); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := gateway.New("localhost", app.HTTPConfig{}); app.KindOf(err) != app.KindInvalid {
		t.Errorf("got %v", err)
	}
}

func TestVerifyEndsWithItsCaller(t *testing.T) {
	left := errors.New("left")
	_, err := verify(t, 200, `{"progress":{}}`+"\n"+whole, app.VerifyReport{Progress: func(app.VerifyProgress) error { return left }})
	if !errors.Is(err, left) {
		t.Errorf("got %v", err)
	}
	client, err := gateway.New("http://127.0.0.1:1", app.HTTPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := client.Verify(ctx, app.LedgerQuery{}, app.VerifyReport{}); app.KindOf(err) != app.KindUnavailable {
		t.Errorf("nobody there: %v", err)
	}
	cancel()
	if _, err := client.Verify(ctx, app.LedgerQuery{}, app.VerifyReport{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
