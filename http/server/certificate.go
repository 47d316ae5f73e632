package server

import (
	"crypto/tls"

	"millrace/app"
)

// Certificate is a server's certificate in two PEM files, taken anew when they
// change. Its Run looks after them.
type Certificate struct {
	*app.Reloaded[*tls.Certificate]
}

// LoadCertificate reads a certificate. told hears of each change of the files,
// and why they could not be used or nil; then the certificate stays what it was.
func LoadCertificate(certFile, keyFile string, told func(error)) (*Certificate, error) {
	load := func(contents [][]byte) (*tls.Certificate, error) {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		if err != nil {
			return nil, app.Errorf(app.KindInvalid, "the certificate in %s and %s cannot be used (settings tls-cert, tls-key): %w", certFile, keyFile, err)
		}
		return &pair, nil
	}
	reloaded, err := app.NewReloaded(load, told, certFile, keyFile)
	if err != nil {
		return nil, err
	}
	return &Certificate{reloaded}, nil
}

// Config returns what a server speaks TLS with.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.Get(), nil },
	}
}
