package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// command runs millrace to its end and returns its standard output, standard
// error and exit code.
func (p *pipeline) command(stdin string, args ...string) (out, errs string, code int) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), binary, args...)
	cmd.Env = slices.Concat(os.Environ(), p.env)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// key makes a key.
func (p *pipeline) key(name string, scopes string) string {
	p.t.Helper()
	out, errs, code := p.command("", "key", "create", "--name", name, "--scope", scopes)
	if code != 0 {
		p.t.Fatal(errs)
	}
	return strings.TrimSpace(out)
}

// status asks with a key, or without when it is empty.
func (p *pipeline) status(client *http.Client, method, url, key, body string) (int, http.Header) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header
}

// Whoever can be reached from elsewhere does not start without keys, and says
// in one sentence what to do.
func TestAServerForOthersNeedsKeys(t *testing.T) {
	p := newPipeline(t)
	_, port, _ := net.SplitHostPort(p.addr["shipper"])
	_, errs, code := p.command("", "shipper", "--shipper-addr=0.0.0.0:"+port)
	if last := lastLine(errs); code != 1 || !strings.Contains(last, "shipper-addr") || !strings.Contains(last, "access-keys-file") ||
		!strings.Contains(last, "millrace key create") || !strings.Contains(last, "--access-mode=off") {
		t.Errorf("it ended with %d: %s", code, errs)
	}
	for _, settings := range [][]string{
		{"MILLRACE_SHIPPER_ADDR=0.0.0.0:" + port, "MILLRACE_ACCESS_MODE=off"},
		{"MILLRACE_SHIPPER_ADDR=127.0.0.1:" + port},
	} {
		shipper := p.start("shipper", settings...)
		if status, _ := p.status(http.DefaultClient, "POST", "http://127.0.0.1:"+port+"/api/logs", "", `{"msg":"a"}`); status != http.StatusAccepted {
			t.Errorf("%v: %d", settings, status)
		}
		shipper.stop()
	}
	p.key("someone", "read")
	p.start("shipper", "MILLRACE_SHIPPER_ADDR=0.0.0.0:"+port)
	if status, _ := p.status(http.DefaultClient, "POST", "http://127.0.0.1:"+port+"/api/logs", "", `{"msg":"a"}`); status != http.StatusUnauthorized {
		t.Errorf("with keys, and none shown: %d", status)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// Keys are made and revoked while the servers run, each good for its scopes.
func TestKeys(t *testing.T) {
	p := newPipeline(t)
	p.start("shipper")
	p.start("consumer")
	p.send(0, 1) // no keys yet, and only this machine reaches it
	ingest, read, admin := p.key("checkout", "ingest"), p.key("grafana", "read"), p.key("ops", "admin")
	shipper := "http://" + p.addr["shipper"]
	eventually(t, "the shipper asks for keys", func() bool {
		status, header := p.status(http.DefaultClient, "POST", shipper+"/api/logs", "", p.lines(1, 1))
		if status != http.StatusAccepted && header.Get("WWW-Authenticate") == "" {
			t.Fatal(status, header)
		}
		return status == http.StatusUnauthorized
	})
	p.start("gateway", "MILLRACE_GATEWAY_SHIPPERS="+shipper, "MILLRACE_API_KEY="+read)
	gateway := "http://" + p.addr["gateway"]
	for _, tc := range []struct {
		method, url, key string
		status           int
	}{
		{"POST", shipper + "/api/logs", ingest, 202},
		{"POST", shipper + "/api/logs", read, 403},
		{"GET", gateway + "/api/logs", read, 200},
		{"GET", gateway + "/api/logs", ingest, 403},
		{"GET", gateway + "/api/logs", "", 401},
		{"GET", gateway + "/metrics", "", 401},
		{"GET", gateway + "/metrics", read, 200},
		{"GET", gateway + "/actuator/health", "", 200},
		{"POST", gateway + "/api/ledger/verify", read, 403},
		{"POST", gateway + "/api/ledger/verify", admin, 200},
	} {
		if status, _ := p.status(http.DefaultClient, tc.method, tc.url, tc.key, p.lines(1000, 1)); status != tc.status {
			t.Errorf("%s %s: %d, want %d", tc.method, tc.url, status, tc.status)
		}
	}

	// Our own clients.
	if _, errs, code := p.command("{}\n", "send", "--service", p.service); code == 0 || !strings.Contains(errs, "401") || !strings.Contains(errs, "api-key") {
		t.Errorf("send without a key ended with %d: %s", code, errs)
	}
	if _, errs, code := p.command(`{"msg":"sent"}`+"\n", "send", "--api-key", ingest, "--service", p.service); code != 0 {
		t.Errorf("send ended with %d: %s", code, errs)
	}
	if _, errs, code := p.command("", "verify", "--settle=0s"); code != 2 || !strings.Contains(errs, "api-key") {
		t.Errorf("verify without a key ended with %d: %s", code, errs)
	}
	if out, errs, code := p.command("", "verify", "--api-key", admin); code != 0 {
		t.Errorf("verify ended with %d: %s%s", code, out, errs)
	}
	// The gateway shows its key to the shippers that it asks.
	if _, body := p.body(gateway+"/api/ledger", read); !strings.Contains(body, `"accepted"`) || strings.Contains(body, "401") {
		t.Errorf("the ledger says %s", body)
	}

	id := strings.Split(ingest, "_")[1]
	if out, _, _ := p.command("", "key", "ls"); !strings.Contains(out, id) || strings.Contains(out, ingest) {
		t.Errorf("the list:\n%s", out)
	}
	if _, errs, code := p.command("", "key", "revoke", id); code != 0 {
		t.Fatal(errs)
	}
	eventually(t, "the key is refused", func() bool {
		status, _ := p.status(http.DefaultClient, "POST", shipper+"/api/logs", ingest, p.lines(2000, 1))
		return status == http.StatusUnauthorized
	})
	if status, _ := p.status(http.DefaultClient, "GET", shipper+"/api/shipper", read, ""); status != http.StatusOK {
		t.Errorf("another key: %d", status)
	}
	if _, errs, code := p.command("", "key", "revoke", "aaaaaaaaaa"); code == 0 || !strings.Contains(errs, "key ls") {
		t.Errorf("an unknown key: %d %s", code, errs)
	}
}

func (p *pipeline) body(url, key string) (int, string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	got := p.read(response, err)
	return got.status, got.body
}

// A broken keys file lets nobody in that was not, and shuts nobody out.
func TestABrokenKeysFileLeavesTheKeys(t *testing.T) {
	p := newPipeline(t)
	key := p.key("checkout", "ingest")
	shipper := p.start("shipper")
	if err := os.WriteFile(filepath.Join(p.data, "keys.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it says so", func() bool { return strings.Contains(shipper.Output(), "the keys are left as they were") })
	url := "http://" + p.addr["shipper"] + "/api/logs"
	for key, want := range map[string]int{key: http.StatusAccepted, "": http.StatusUnauthorized} {
		if status, _ := p.status(http.DefaultClient, "POST", url, key, p.lines(0, 1)); status != want {
			t.Errorf("with the key %.13q: %d", key, status)
		}
	}
}

// Every server speaks TLS with a certificate, and every client knows it by its
// CA, or by its file.
func TestTLS(t *testing.T) {
	certificate, key, ca := makeCertificates(t)
	p := newPipeline(t, "MILLRACE_TLS_CERT="+certificate, "MILLRACE_TLS_KEY="+key)
	roots := x509.NewCertPool()
	pemCA, err := os.ReadFile(ca)
	if err != nil || !roots.AppendCertsFromPEM(pemCA) {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	healthy := func(role string) func(context.Context) error {
		return func(ctx context.Context) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.addr[role]+"/actuator/health", nil)
			if err != nil {
				return err
			}
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
	}
	for _, role := range []string{"shipper", "consumer", "gateway"} {
		run := p.role(role, "MILLRACE_GATEWAY_SHIPPERS=https://"+p.addr["shipper"])
		if err := run.Launch(); err != nil {
			t.Fatal(err)
		}
		eventually(t, role+" is healthy", func() bool { return healthy(role)(t.Context()) == nil })
	}
	for name, args := range map[string][]string{"its file": nil, "its CA": {"--tls-cert=", "--tls-key=", "--tls-ca=" + ca, "--producer-target=https://" + p.addr["shipper"]}} {
		if _, errs, code := p.command(`{"msg":"`+name+`"}`+"\n", slices.Concat([]string{"send", "--service", p.service}, args)...); code != 0 {
			t.Errorf("send, by %s, ended with %d: %s", name, code, errs)
		}
	}
	p.expectStored(2)
	if out, errs, code := p.command("", "verify", "--settle=0s"); code != 0 {
		t.Errorf("verify ended with %d: %s%s", code, out, errs)
	}
	if response, err := http.Get("http://" + p.addr["shipper"] + "/actuator/health"); err != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %v %v", response, err)
	}
}

// makeCertificates makes a CA and a certificate for loopback that it signs.
func makeCertificates(t *testing.T) (certificate, key, ca string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	make := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		t.Helper()
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = private
		}
		template.SerialNumber, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, private
	}
	root := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootDER, rootKey := make(root, root, nil)
	parsed, err := x509.ParseCertificate(rootDER)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, leafKey := make(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}}, parsed, rootKey)
	leafPrivate, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	return write("cert.pem", "CERTIFICATE", leafDER), write("key.pem", "PRIVATE KEY", leafPrivate), write("ca.pem", "CERTIFICATE", rootDER)
}
