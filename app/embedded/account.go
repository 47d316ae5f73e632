package embedded

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// nobody is the user that the database runs as when we are root: by custom the
// one without any rights, there on every system.
const nobody = 65534

// account is who runs PostgreSQL's programs, and where.
type account struct {
	programs string   // folder with their folder bin
	folder   *os.File // the folder with the data
	root     bool     // we are root, so they run as nobody
}

// newAccount opens the folder for the programs to work in. Close it once they
// are started.
func newAccount(programs, dir string) (*account, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	a := &account{programs: programs, folder: folder, root: os.Geteuid() == 0}
	return a, a.own(dir)
}

func (a *account) close() { a.folder.Close() }

// path is how the programs name what lies in the folder. Another user may not
// be able to walk there, as when it is somewhere below /root; through a folder
// that is open already it need not walk.
func (a *account) path(name string) string {
	if a.root {
		return filepath.Join("/proc/self/fd/3", name) // the first of ExtraFiles
	}
	return filepath.Join(a.folder.Name(), name)
}

// own gives a path, and all below it, to the user that the programs run as.
func (a *account) own(path string) error {
	if !a.root {
		return nil
	}
	return filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
}

// command prepares one of PostgreSQL's programs.
func (a *account) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(a.programs, "bin", name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.ExtraFiles = []*os.File{a.folder}
	// Ctrl-C goes to every process of the terminal's group; the server must
	// outlive those that still flush into it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.root {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// programsCache is where PostgreSQL's programs are kept between runs: where
// every user may read them when we are root, since root's own folders are
// closed to nobody.
func programsCache() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/millrace", nil
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "millrace"), err
}
