package journal

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lock takes a folder for this process until the result is closed or the
// process ends, however it ends.
func lock(dir string) (io.Closer, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	return file, nil
}

// freeBytes returns how many bytes an unprivileged user may still write on the
// disk of a folder.
func freeBytes(dir string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail * uint64(stat.Bsize)), nil
}
