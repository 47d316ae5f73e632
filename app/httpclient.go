package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// HTTPConfig is how our own clients show themselves to servers, and know them.
type HTTPConfig struct {
	Key string // the API key; empty: none
	CA  string // PEM file with what signs servers' certificates; empty: what this machine trusts
	// Own is the PEM file of the certificate that the servers of this machine
	// show, whatever name they are called by. It is used without a CA.
	Own string
}

// Dial returns the URL of a server without a slash at its end, and a client as
// Client makes it. setting is where the URL came from, and example one that
// would do: an error names them.
func (c HTTPConfig) Dial(server, setting, example string, timeout time.Duration) (base string, client *http.Client, err error) {
	if _, ok := webURL(server); !ok {
		return "", nil, Errorf(KindInvalid, "%s is %q: want a URL such as %s", setting, server, example)
	}
	client, err = c.Client(timeout)
	return strings.TrimRight(server, "/"), client, err
}

// NoAnswer is the error of a request that nobody answered. what is who should
// have, and setting where its address came from.
func NoAnswer(ctx context.Context, what, address, setting string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err // the rest says what is said here
	}
	return Errorf(KindUnavailable, "no %s answers at %s (setting %s): %w", what, address, setting, err)
}

// maxUnexplained is how much is shown of an answer, in bytes.
const maxUnexplained = 200

// Unexplained is what an answer says that is no problem document of ours: its
// line of text, as a server has that speaks TLS and was not asked so, or else
// what its status means.
func Unexplained(status int, body []byte) string {
	said := strings.TrimSpace(string(body))
	if said == "" || len(said) > maxUnexplained || strings.ContainsAny(said, "<{\n") {
		return http.StatusText(status)
	}
	return Printable(said)
}

// Client returns a client whose requests take no longer than timeout; 0 is no
// limit. The key goes to whom a request is made for, never on to where that
// one redirects.
func (c HTTPConfig) Client(timeout time.Duration) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	if c.CA != "" || c.Own != "" {
		trust, err := c.trust()
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = trust
	}
	return &http.Client{Timeout: timeout, Transport: &keyed{transport, c.Key}}, nil
}

// trust returns who is believed to be a server of ours.
func (c HTTPConfig) trust() (*tls.Config, error) {
	file, setting := c.CA, "tls-ca"
	if file == "" {
		file, setting = c.Own, "tls-cert"
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, Errorf(KindInvalid, "%s cannot be read: %w", setting, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, Errorf(KindInvalid, "%s: %s holds no certificate in PEM form", setting, file)
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if c.CA == "" {
		trust.ServerName = nameOf(data)
	}
	return trust, nil
}

// nameOf returns a name that the first certificate is good for.
func nameOf(data []byte) string {
	block, _ := pem.Decode(data)
	certificate, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return ""
	case len(certificate.DNSNames) > 0:
		return strings.Replace(certificate.DNSNames[0], "*", "millrace", 1)
	case len(certificate.IPAddresses) > 0:
		return certificate.IPAddresses[0].String()
	default:
		return ""
	}
}

// keyed adds the key to requests.
type keyed struct {
	*http.Transport
	key string
}

func (k *keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	if k.key != "" && r.Response == nil { // with a Response it is where another led
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+k.key)
	}
	return k.Transport.RoundTrip(r)
}

// IsLoopback tells whether only this machine reaches an address.
func IsLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
