// Clean removes folders, unless a millrace that runs has one of them in use:
//
//	go run ./tools/clean data bin dist
//	go run ./tools/clean -check data     # removes nothing
//
// Whoever uses a folder holds the file "lock" in it, or in a folder below it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

func main() {
	check := flag.Bool("check", false, "only tell whether they are in use")
	flag.Parse()
	if err := clean(flag.Args(), *check); err != nil {
		fmt.Fprintln(os.Stderr, "clean:", err)
		os.Exit(1)
	}
}

// clean removes folders, or does nothing to any when one is in use. A folder that
// is not there is removed already.
func clean(folders []string, check bool) error {
	var held []io.Closer // until all is removed, so that nobody begins meanwhile
	defer func() {
		for _, lock := range held {
			_ = lock.Close() // which only lets go
		}
	}()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // also a file that its owner removes just now
				return nil
			case err != nil || entry.Name() != "lock" || !entry.Type().IsRegular():
				return err
			}
			lock, err := take(path)
			if err == nil {
				held = append(held, lock)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if check {
		return nil
	}
	for _, folder := range folders {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return nil
}

// take takes a lock that nobody holds.
func take(path string) (io.Closer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("a millrace that runs uses %s: stop it first (Ctrl-C where ./task up runs)", filepath.Dir(path)), file.Close())
	}
	return file, nil
}
