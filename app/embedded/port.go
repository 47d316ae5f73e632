package embedded

import (
	"net"
	"strconv"

	"millrace/app"
)

// loopback is where every embedded server listens.
const loopback = "127.0.0.1"

// pickPort returns the wanted port, or, when none is wanted, the usual one or
// else any that is free. A wanted port that is taken is an error that names
// the setting and the other way out.
func pickPort(wanted, usual int, setting, instead string) (int, error) {
	if wanted != 0 {
		if !free(wanted) {
			return 0, app.Errorf(app.KindConflict, "port %d is in use: set --%s to another one, or --%s to use the server that is there", wanted, setting, instead)
		}
		return wanted, nil
	}
	if free(usual) {
		return usual, nil
	}
	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func free(port int) bool {
	listener, err := net.Listen("tcp", address(port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
