package main

import (
	"errors"

	"millrace/app"
	"millrace/http/server"
)

// loadPair tells why servers could not show the certificate that is set.
func loadPair(cfg app.TLSConfig) error {
	_, err := server.LoadCertificate(cfg.Cert, cfg.Key, func(error) {})
	return err
}

// loadTrusted tells why clients could not trust the certificates that are set.
func loadTrusted(cfg app.Config) error {
	client, err := cfg.HTTP().Client(doctorTimeout)
	if err != nil {
		return err
	}
	client.CloseIdleConnections()
	return nil
}

// checkCertificates returns what is wrong with the files of certificates, joined.
// Each error's Field is the setting that names the file. Half a pair is for
// app.Config.Validate to refuse.
func checkCertificates(cfg app.Config) error {
	var wrong []error
	if cfg.TLS.Cert != "" && cfg.TLS.Key != "" {
		wrong = append(wrong, of("tls-cert", loadPair(cfg.TLS)))
	}
	if cfg.TLS.CA != "" {
		wrong = append(wrong, of("tls-ca", loadTrusted(cfg)))
	}
	return errors.Join(wrong...)
}

// of says which setting an error is about.
func of(setting string, err error) error {
	if err == nil {
		return nil
	}
	return &app.Error{Kind: app.KindOf(err), Message: err.Error(), Field: setting, Err: err}
}
