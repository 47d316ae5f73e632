package main

import (
	"net"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/app/keyfile"
	"millrace/http/access"
	"millrace/http/server"
	"millrace/middleware/metrics"
)

// This file is where the keys file meets the servers, which know nothing of it.

// addGuard puts the guard in front of a server's endpoints, and keeps the keys
// as they are in their file.
func (r *role) addGuard(e *echo.Echo) error {
	keys, err := r.openKeys()
	if err != nil {
		return err
	}
	r.guard, err = access.New(access.Config{
		Keys:    keys,
		Logger:  r.logger,
		Rate:    r.cfg.Access.Rate,
		Burst:   r.cfg.Access.Burst,
		Origins: r.cfg.Access.Origins,
		Local:   r.cfg.Access.Mode == "auto",
		Open:    r.open,
		Refused: metrics.NewAccess(r.registry, access.Reasons()),
	})
	if err != nil {
		return err
	}
	e.Use(r.guard.Middleware()...)
	return nil
}

// openKeys returns the keys as they are from time to time; nil when none are
// asked for.
func (r *role) openKeys() (func() *app.Keyring, error) {
	if r.cfg.Access.Mode == "off" {
		return func() *app.Keyring { return nil }, nil
	}
	var own []app.Key
	if r.cfg.Access.Own.ID != "" {
		own = append(own, r.cfg.Access.Own)
	}
	file := r.cfg.KeysFile()
	watched, err := keyfile.Watch(file, r.reloaded("keys", file), own...)
	if err != nil {
		return nil, err
	}
	r.addLoop(watched.Run)
	if r.cfg.Access.Mode == "auto" {
		return watched.Get, nil
	}
	nobody, err := app.NewKeyring()
	return func() *app.Keyring {
		if ring := watched.Get(); ring != nil {
			return ring
		}
		return nobody
	}, err
}

// reloaded returns what says that a file has changed, and whether that did any
// good.
func (r *role) reloaded(what, file string) func(error) {
	return func(err error) {
		if err != nil {
			r.logger.Error("the "+what+" are left as they were", "error", err)
			return
		}
		r.logger.Info("the "+what+" are taken anew", "file", file)
	}
}

// addCertificate lets a server speak TLS, if there is a certificate.
func (r *role) addCertificate(e *echo.Echo) error {
	cfg := r.cfg.TLS
	if cfg.Cert == "" {
		return nil
	}
	certificate, err := server.LoadCertificate(cfg.Cert, cfg.Key, r.reloaded("certificates", cfg.Cert))
	if err != nil {
		return err
	}
	e.Server.TLSConfig = certificate.Config()
	r.addLoop(certificate.Run)
	return nil
}

// listen opens an address that a setting names, if those who can reach it have
// to show keys or may do without.
func listen(cfg app.Config, addr, setting string) (net.Listener, error) {
	listener, err := server.Listen(addr, setting)
	if err != nil {
		return nil, err
	}
	if err := mayServe(cfg, listener.Addr(), setting); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// mayServe returns why a server must not be where it would be reached.
func mayServe(cfg app.Config, addr net.Addr, setting string) error {
	if cfg.Access.Mode == "off" || cfg.Access.Mode == "auto" && app.IsLoopback(addr) {
		return nil
	}
	file := cfg.KeysFile()
	keys, err := keyfile.Read(file)
	if err != nil {
		return err
	}
	ring, err := app.NewKeyring(keys...)
	if err != nil {
		return err
	}
	if ring.Usable(time.Now()) > 0 {
		return nil
	}
	const remedy = "make one with millrace key create, or let everyone in with --access-mode=off"
	if app.IsLoopback(addr) {
		return app.Errorf(app.KindInvalid, "access-mode is on and there is no key that can be used in %s (setting access-keys-file): %s", file, remedy)
	}
	return app.Errorf(app.KindInvalid, "%s %s can be reached from other machines and there is no key that can be used in %s (setting access-keys-file): %s",
		setting, addr, file, remedy)
}
