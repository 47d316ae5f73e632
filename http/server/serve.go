package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// Listen opens the address that the named setting gives. Its errors tell how
// to change the setting.
func Listen(addr, setting string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err == nil {
		return listener, nil
	}
	_, port, splitErr := net.SplitHostPort(addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && splitErr == nil:
		return nil, &app.Error{
			Kind: app.KindConflict, Field: setting, Err: err,
			Message: "port " + port + " is in use: set --" + setting + " to another address",
		}
	case errors.Is(err, os.ErrPermission) && splitErr == nil:
		return nil, &app.Error{
			Kind: app.KindInvalid, Field: setting, Err: err,
			Message: "port " + port + " needs rights that this user lacks: set --" + setting + " to a port above 1023",
		}
	default:
		return nil, &app.Error{
			Kind: app.KindInvalid, Field: setting, Err: err,
			Message: "cannot listen on " + addr + " (" + err.Error() + "): set --" + setting + " to an address HOST:PORT of this machine",
		}
	}
}

// Serve answers requests until ctx ends. Then it takes no more, waits for
// those in progress for as long as timeout, and cuts off the rest, which is an
// error. It closes the listener. With e.Server.TLSConfig it speaks TLS alone.
func Serve(ctx context.Context, e *echo.Echo, listener net.Listener, timeout time.Duration) error {
	served := make(chan error, 1)
	go func() {
		if e.Server.TLSConfig != nil {
			served <- e.Server.ServeTLS(listener, "", "")
			return
		}
		served <- e.Server.Serve(listener)
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	err := e.Server.Shutdown(ctx)
	if err != nil {
		// Ends the contexts of the requests that are left.
		_ = e.Server.Close()
		err = app.Errorf(app.KindTimeout, "requests were still in progress %s after the server was told to stop: %w", timeout, err)
	}
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		return errors.Join(err, serveErr)
	}
	return err
}
