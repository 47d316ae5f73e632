package journal

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
)

// Config configures a Journal. Zero values take the defaults that stand beside
// them.
type Config struct {
	Dir string // made if it is not there; required

	MaxBytes    int64   // what is not acknowledged, in bytes: 10 GiB
	DiskShare   float64 // of what is free on the disk or the journal's own, as a second limit: 0.8
	CacheBytes  int     // records in memory for a reader that keeps up: 32 MiB
	GroupBytes  int     // records that are written at once, in bytes, at most: 4 MiB
	SegmentSize int     // bytes of a file: 64 MiB

	Observer Observer     // nil: nobody watches
	Logger   *slog.Logger // nil: nothing is logged

	// VFS is the file system that the log's files lie in, Disk what else is
	// asked of a disk. Free tells how many bytes are free on the disk of a
	// folder, and Place tells a folder from every copy of it; it may change,
	// and be empty. Nil: the system's.
	VFS   types.VFS
	Disk  Disk
	Free  func(dir string) (int64, error)
	Place func(dir string) string
}

func (c *Config) setDefaults() {
	if c.MaxBytes == 0 {
		c.MaxBytes = 10 << 30
	}
	if c.DiskShare == 0 {
		c.DiskShare = 0.8
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 32 << 20
	}
	if c.GroupBytes == 0 {
		c.GroupBytes = 4 << 20
	}
	if c.SegmentSize == 0 {
		c.SegmentSize = 64 << 20
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.VFS == nil {
		c.VFS = fs.New()
	}
	if c.Disk == nil {
		c.Disk = system{}
	}
	if c.Free == nil {
		c.Free = FreeBytes
	}
	if c.Place == nil {
		c.Place = placeOf
	}
}

// Validate returns what is wrong with the Config, each thing named, joined.
func (c Config) Validate() error {
	var wrong []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("journal: "+format, args...))
		}
	}
	check(c.Dir != "", "Dir is empty: want a folder")
	check(c.MaxBytes > 0, "MaxBytes is %d: want 1 or more", c.MaxBytes)
	check(c.DiskShare > 0 && c.DiskShare <= 1, "DiskShare is %v: want more than 0 and at most 1", c.DiskShare)
	check(c.CacheBytes > 0, "CacheBytes is %d: want 1 or more", c.CacheBytes)
	check(c.GroupBytes > 0 && c.GroupBytes <= maxEntry-MaxRecord, "GroupBytes is %d: want 1 to %d", c.GroupBytes, maxEntry-MaxRecord)
	check(c.SegmentSize >= minSegment && c.SegmentSize <= 1<<30, "SegmentSize is %d: want 64 KiB to 1 GiB", c.SegmentSize)
	return errors.Join(wrong...)
}

// Observer is told what happens, for metrics. Its methods are called by one
// goroutine at a time and must be quick.
type Observer interface {
	// Wrote is called for each write, with what it held and how long write and
	// fsync took.
	Wrote(records, bytes int, seconds float64)
	// Synced is called for each fsync, with how long it took; from more than one
	// goroutine.
	Synced(seconds float64)
	// Failed is called for each write that failed.
	Failed(err error)
	// Damaged is called for each thing that cannot be read.
	Damaged(what string)
}

type nobody struct{}

func (nobody) Wrote(int, int, float64) {}
func (nobody) Synced(float64)          {}
func (nobody) Failed(error)            {}
func (nobody) Damaged(string)          {}
