package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// maxScratch is the largest buffer that is kept for the next write, in bytes.
const maxScratch = 8 << 20

// generation is the one that takes what is appended.
type generation struct {
	manifestItem
	dir         string
	segmentSize int

	// mu is held for reading by whoever reads from the log: raft-wal does not
	// expect to be closed meanwhile.
	mu      sync.RWMutex
	log     *wal.WAL
	list    *metadb.BoltMetaDB // raft-wal's list of files, which it does not close
	scratch []byte             // of write

	// Written by the writer with Journal.mu held.
	lastIndex uint64 // of the log's last entry; 0 when there is none
	next      uint64 // number of the next unit
}

// openGeneration opens a generation for writing. An empty folder is made a new
// log.
func openGeneration(cfg Config, item manifestItem, segmentSize int) (g *generation, err error) {
	defer func() { // bbolt, where raft-wal keeps its list of files, panics on pages that make no sense
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, v)
		}
	}()
	g = &generation{manifestItem: item, dir: filepath.Join(cfg.Dir, item.folder()), segmentSize: segmentSize, list: &metadb.BoltMetaDB{}, next: 1}
	if err := cfg.Disk.MakeDir(g.dir); err != nil {
		return nil, err
	}
	g.log, err = wal.Open(g.dir,
		wal.WithSegmentFiler(filer{segment.NewFiler(g.dir, timed{cfg.VFS, cfg.Observer.Synced})}),
		wal.WithMetaStore(g.list),
		wal.WithSegmentSize(segmentSize),
		// What fails for good shows in the next call.
		wal.WithLogger(hclog.NewNullLogger()),
	)
	if err != nil {
		_ = g.list.Close()
		return nil, err
	}
	g.lastIndex, err = g.log.LastIndex()
	return g, err
}

// read returns the entry with an index.
func (g *generation) read(index uint64) (*entry, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.log == nil {
		return nil, ErrClosed
	}
	var log raft.Log
	if err := g.log.GetLog(index, &log); err != nil {
		return nil, fmt.Errorf("%w: entry %d: %w", ErrCorrupt, index, err)
	}
	return decodeEntry(log.Data)
}

// write appends an entry and returns when it is on disk. Only the writer calls
// it.
func (g *generation) write(e *entry) error {
	if cap(g.scratch) > maxScratch {
		g.scratch = nil
	}
	g.scratch = e.append(g.scratch[:0])
	return g.log.StoreLog(&raft.Log{Index: g.lastIndex + 1, Data: g.scratch})
}

// search returns the index of the first entry up to last that has a unit behind
// the given number, or last+1. The writer may add entries behind last meanwhile.
func (g *generation) search(number, last uint64) (uint64, error) {
	low, err := g.firstIndex()
	if err != nil || last == 0 {
		return last + 1, err
	}
	high := last + 1
	for low < high {
		middle := low + (high-low)/2
		e, err := g.read(middle)
		if err != nil {
			return 0, err
		}
		if e.first+e.units() > number+1 {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, nil
}

func (g *generation) firstIndex() (uint64, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.log == nil {
		return 0, ErrClosed
	}
	return g.log.FirstIndex()
}

// truncate lets go of the entries up to an index.
func (g *generation) truncate(index uint64) error {
	first, err := g.log.FirstIndex()
	if err != nil || first > index {
		return err
	}
	return g.log.DeleteRange(first, index)
}

func (g *generation) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.log == nil {
		return nil
	}
	err := errors.Join(g.log.Close(), g.list.Close())
	g.log = nil
	return err
}

// listed returns the files that raft-wal knows of in a generation, and the
// first that is not there.
func listed(dir string) (segments []types.SegmentInfo, missing string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, v)
		}
	}()
	db := &metadb.BoltMetaDB{}
	state, err := db.Load(dir)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, info := range state.Segments {
		if _, err := os.Stat(filepath.Join(dir, segment.FileName(info))); err != nil {
			return state.Segments, segment.FileName(info), nil
		}
	}
	return state.Segments, "", nil
}
