package journal

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const lockName = "lock"

// lock takes a folder for this process until the result is closed or the
// process ends, however it ends.
func lock(dir string) (io.Closer, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	return file, nil
}

// FreeBytes returns how many bytes an unprivileged user may still write on the
// disk of a folder.
func FreeBytes(dir string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail * uint64(stat.Bsize)), nil
}

// placeOf names the life of the machine and the file that the lock is: a copy
// of the folder, and a clone of the machine, differ in one of them. So does
// this folder once the machine was started again, which does no harm.
func placeOf(dir string) string {
	var stat syscall.Stat_t
	if err := syscall.Stat(filepath.Join(dir, lockName), &stat); err != nil {
		return ""
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // not there but on Linux
	return strings.TrimSpace(fmt.Sprintf("%d:%d %s", stat.Dev, stat.Ino, boot))
}
