package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/http/server"
)

// writeCertificate makes a certificate that signs itself, for names.
func writeCertificate(t *testing.T, certFile, keyFile string, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(100 * 365 * 24 * time.Hour), DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAServerWithACertificateSpeaksTLSAlone(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, "*.mill.example")
	certificate, err := server.LoadCertificate(certFile, keyFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := newServer(slog.LevelInfo)
	e.Server.TLSConfig = certificate.Config()
	url, stop := start(t, e, time.Second)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	target := "https" + url[len("http"):] + "/ok"

	// The certificate is for another name, and the client knows it by its file.
	for name, tc := range map[string]struct {
		cfg app.HTTPConfig
		ok  bool
	}{
		"by its file":   {app.HTTPConfig{Own: certFile}, true},
		"by its name":   {app.HTTPConfig{CA: certFile}, false},
		"by the system": {app.HTTPConfig{}, false},
	} {
		client, err := tc.cfg.Client(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Get(target)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			answer.Body.Close()
			if answer.ProtoMajor != 2 || answer.Header.Get("Strict-Transport-Security") == "" {
				t.Errorf("%s: %s, %v", name, answer.Proto, answer.Header)
			}
		}
		client.CloseIdleConnections()
	}
	answer, err := http.Get(url + "/ok")
	if err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Fatalf("without TLS: %v, %v", answer, err)
	}
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if _, err := (app.HTTPConfig{CA: keyFile}).Client(0); app.KindOf(err) != app.KindInvalid {
		t.Errorf("a CA that is none: %v", err)
	}
}

func TestACertificateIsTakenAnew(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, "one.example")
	synctest.Test(t, func(t *testing.T) {
		var last atomic.Pointer[error]
		certificate, err := server.LoadCertificate(certFile, keyFile, func(err error) { last.Store(&err) })
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = certificate.Run(t.Context()) }()
		name := func() string {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			shown, err := certificate.Config().GetCertificate(&tls.ClientHelloInfo{})
			if err != nil {
				t.Fatal(err)
			}
			return shown.Leaf.DNSNames[0]
		}
		if got := name(); got != "one.example" {
			t.Fatal(got)
		}
		if err := os.WriteFile(keyFile, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := name(); got != "one.example" || app.KindOf(*last.Load()) != app.KindInvalid {
			t.Errorf("%s, told of %v", got, *last.Load())
		}
		writeCertificate(t, certFile, keyFile, "two.example")
		if got := name(); got != "two.example" || *last.Load() != nil {
			t.Errorf("%s, told of %v", got, *last.Load())
		}
	})
	if _, err := server.LoadCertificate(filepath.Join(dir, "none"), keyFile, nil); app.KindOf(err) != app.KindInvalid {
		t.Errorf("no file: %v", err)
	}
}

// A key goes to whom it is for, and not on to where that one points.
func TestAKeyDoesNotFollowARedirect(t *testing.T) {
	seen := make(chan string, 2)
	other, stopOther := start(t, func() *echo.Echo {
		e, _ := newServer(slog.LevelInfo)
		e.Server.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") })
		return e
	}(), time.Second)
	first, stopFirst := start(t, func() *echo.Echo {
		e, _ := newServer(slog.LevelInfo)
		e.Server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen <- r.Header.Get("Authorization")
			http.Redirect(w, r, other, http.StatusFound)
		})
		return e
	}(), time.Second)
	client, err := app.HTTPConfig{Key: "secret"}.Client(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Get(first)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if a, b := <-seen, <-seen; a != "Bearer secret" || b != "" {
		t.Errorf("the first saw %q, the other %q", a, b)
	}
	client.CloseIdleConnections()
	for _, stop := range []func() error{stopFirst, stopOther} {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	if !app.IsLoopback(&net.TCPAddr{IP: net.IPv6loopback}) || app.IsLoopback(&net.TCPAddr{IP: net.IPv4zero}) || app.IsLoopback(&net.UnixAddr{}) {
		t.Error("IsLoopback")
	}
}
