package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthAsksTheRole(t *testing.T) {
	ready := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ready && r.URL.Path == "/actuator/health/readiness" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"DOWN"}`))
			return
		}
		_, _ = w.Write([]byte(`{"status":"UP"}`))
	}))
	defer server.Close()
	addr := "--shipper-addr=" + server.Listener.Addr().String()
	if out, err := millrace(t, "health", "shipper", addr); err != nil || !strings.Contains(out, "UP") {
		t.Errorf("%q, error %v", out, err)
	}
	ready = false
	if _, err := millrace(t, "health", "shipper", addr); err == nil || !strings.Contains(err.Error(), "DOWN") {
		t.Errorf("a role that is not ready: %v", err)
	}
	if _, err := millrace(t, "health", "shipper", addr, "--probe=liveness"); err != nil {
		t.Error(err)
	}
	server.Close()
	if _, err := millrace(t, "health", "shipper", addr); err == nil || !strings.Contains(err.Error(), "nobody answers") {
		t.Errorf("a role that is gone: %v", err)
	}
	for _, args := range [][]string{{"health"}, {"health", "kafka"}, {"health", "shipper", addr, "--probe=x"}} {
		if _, err := millrace(t, args...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
