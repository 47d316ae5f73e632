package embedded

import (
	"io"
	"os"
	"path/filepath"
	"syscall"

	"millrace/app"
)

// Lock takes a folder for this process until the result is closed or the
// process ends, however it ends. A folder that is taken is an error.
func Lock(dir string) (io.Closer, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, app.Errorf(app.KindInvalid, "data-dir %s cannot be used: %w", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, app.Errorf(app.KindConflict, "another millrace uses %s: stop it, or set --data-dir to another folder", dir)
	}
	return file, nil
}
