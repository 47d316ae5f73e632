package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// certificateFiles writes a certificate, its key, and the key of another.
func certificateFiles(t *testing.T) (cert, key, otherKey string) {
	t.Helper()
	server := httptest.NewTLSServer(nil) // net/http's own certificate for tests
	pair := server.TLS.Certificates[0]
	server.Close()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	return write("cert.pem", "CERTIFICATE", pair.Certificate[0]), write("key.pem", "PRIVATE KEY", private(pair.PrivateKey)), write("other.pem", "PRIVATE KEY", private(other))
}

func TestConfigCheckLoadsCertificates(t *testing.T) {
	cert, key, other := certificateFiles(t)
	none := filepath.Join(t.TempDir(), "none.pem")
	for name, tc := range map[string]struct {
		cert, key, ca string
		want          []string // what is told; nothing is wrong when empty
	}{
		"a pair":                    {cert, key, cert, nil},
		"the key of another":        {cert, other, cert, []string{"millrace.yaml:2: the certificate in " + cert + " and " + other + " cannot be used", "does not match public key"}},
		"a key in place of a pair":  {key, key, cert, []string{"millrace.yaml:2: the certificate in " + key}},
		"no files":                  {none, none, none, []string{"millrace.yaml:2: ", "millrace.yaml:4: tls-ca cannot be read: open " + none}},
		"what signs no certificate": {cert, key, key, []string{"millrace.yaml:4: tls-ca: " + key + " holds no certificate"}},
		"half a pair":               {cert, "", cert, []string{"millrace.yaml:2: tls-cert is " + fmt.Sprintf("%q", cert) + ": want set together with tls-key"}},
	} {
		out, err := millrace(t, "config", "check", settingsFile(t, fmt.Sprintf("tls:\n  cert: %q\n  key: %q\n  ca: %q\n", tc.cert, tc.key, tc.ca)))
		if len(tc.want) == 0 && (err != nil || !strings.Contains(out, "3 settings, nothing wrong")) {
			t.Errorf("%s: error %v; it prints %s", name, err, out)
		}
		for _, part := range tc.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v lacks %q", name, err, part)
			}
		}
	}
}
