package journal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"
)

// Record is what the journal keeps: bytes that stand for some units.
type Record struct {
	Units int // 1 or more
	// Head and Body are kept apart for the sake of those who have them apart.
	// They must not change once they are given to Append, nor by whoever got
	// them from Next.
	Head, Body []byte

	// Append sets these, Next returns them.
	Sequence string    // whose numbers First and the following are
	First    uint64    // number of the first unit
	Skip     int       // leading units that are acknowledged already
	TakenAt  time.Time // when Append was called
}

func (r *Record) size() int { return recordSize + len(r.Head) + len(r.Body) }

// Seal is the boundaries of a run of units.
type Seal struct {
	Sequence string
	First    uint64
	Count    int
	At       time.Time // to the nanosecond
}

// Journal is a durable queue. Append, Seal, Ack and Stats may be called from
// many goroutines at once, Next from one.
type Journal struct {
	cfg    Config
	locked io.Closer
	place  string // what Config.Place said

	wakeWriter chan struct{} // holds one signal, as does wakeReader
	wakeReader chan struct{}
	writerDone chan struct{}
	closeOnce  sync.Once
	closeErr   error

	reader reader    // Next's own
	dones  sync.Pool // of channels for requests

	mu        sync.Mutex // guards all below
	manifest  *manifest
	current   *generation // nil while none could be begun
	pending   []*request
	bytes     int64 // records on disk that are not acknowledged
	waiting   int64 // records in pending, in bytes
	limit     int64 // what bytes may come to
	units     int64 // on disk, not acknowledged
	acked     position
	seals     []entrySeal   // of runs that are not acknowledged, oldest first, none of which overlap
	unsaid    bool          // acked is ahead of what is on disk
	unsaved   bool          // the manifest is ahead of what is on disk
	suspect   bool          // the reader found damage in the current generation
	handed    []handed      // entries that Next has read and that are not acknowledged
	cache     []cached      // the newest entries, when the reader is among them
	cached    int           // their bytes
	caching   bool          // whether the next entry goes into the cache
	freed     int64         // bytes acknowledged since the log was shortened
	freeIndex uint64        // the last entry of the current log that is acknowledged
	room      chan struct{} // closed, and made anew, whenever there may be more room
	spare     bool          // the reserve is spent
	stopped   bool
	closed    bool
}

// request is a call of Append or Seal that waits for the writer.
type request struct {
	record *Record
	seals  []entrySeal
	done   chan error
}

// handed is an entry that was read.
type handed struct {
	last  position // its last unit
	index uint64
	bytes int64
	taken time.Time
}

// cached is an entry in memory.
type cached struct {
	index uint64
	entry *entry
}

// Open opens the journal in a folder, or makes one. A folder that another
// process has open is an ErrLocked. Damage is no error: it is reported, and
// what can be read will be.
func Open(cfg Config) (*Journal, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.Disk.MakeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	locked, err := lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		cfg: cfg, locked: locked, caching: true,
		wakeWriter: make(chan struct{}, 1), wakeReader: make(chan struct{}, 1),
		writerDone: make(chan struct{}), room: make(chan struct{}),
		dones: sync.Pool{New: func() any { return make(chan error, 1) }},
	}
	if err := j.recover(); err != nil {
		locked.Close()
		return nil, err
	}
	go j.write()
	return j, nil
}

// Append returns when the record is on disk. ErrFull, ErrTooLarge, ErrClosed
// and errors of ErrWrite say that it was not taken.
func (j *Journal) Append(r Record) error {
	if r.Units < 1 || int64(r.Units) > 1<<31 {
		return fmt.Errorf("journal: a record of %d units", r.Units)
	}
	if most := min(MaxRecord, j.cfg.MaxBytes); int64(r.size()) > most {
		return fmt.Errorf("%w: %d bytes, the largest has %d", ErrTooLarge, r.size(), most)
	}
	r.TakenAt = time.Now()
	return j.do(&request{record: &r})
}

// Seal keeps seals until all of each is acknowledged, and returns when they are
// on disk. They take the place of earlier ones that have units of theirs: a run
// that is sealed as its halves is no longer sealed as a whole.
func (j *Journal) Seal(seals ...Seal) error {
	r := &request{}
	j.mu.Lock()
	for _, s := range seals {
		generation, ok := j.generationOf(s.Sequence)
		if !ok {
			j.mu.Unlock()
			return fmt.Errorf("journal: no sequence %q", s.Sequence)
		}
		r.seals = append(r.seals, entrySeal{generation, s.First, uint32(s.Count), s.At.UnixNano()})
	}
	j.mu.Unlock()
	return j.do(r)
}

func (j *Journal) do(r *request) error {
	size := int64(0)
	if r.record != nil {
		size = int64(r.record.size())
	}
	j.mu.Lock()
	switch {
	case j.closed, j.stopped && r.record != nil:
		j.mu.Unlock()
		return ErrClosed
	case r.record != nil && j.bytes+j.waiting+size > j.limit:
		j.mu.Unlock()
		return ErrFull
	}
	r.done = j.dones.Get().(chan error)
	j.pending = append(j.pending, r)
	j.waiting += size
	j.mu.Unlock()
	signal(j.wakeWriter)
	err := <-r.done
	j.dones.Put(r.done)
	return err
}

// Stop makes Append refuse, and Next return io.EOF behind the last record.
func (j *Journal) Stop() {
	j.mu.Lock()
	j.stopped = true
	close(j.room)
	j.room = make(chan struct{})
	j.mu.Unlock()
	signal(j.wakeReader)
}

// Close writes what is acknowledged and closes the journal. It is idempotent.
func (j *Journal) Close() error {
	j.closeOnce.Do(func() {
		j.Stop()
		j.mu.Lock()
		j.closed = true
		j.mu.Unlock()
		signal(j.wakeWriter)
		<-j.writerDone
		signal(j.wakeReader)
		if j.current != nil {
			j.closeErr = j.current.close()
		}
		j.closeErr = errors.Join(j.closeErr, j.locked.Close())
	})
	return j.closeErr
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// folder returns where a generation lies.
func (j *Journal) folder(item manifestItem) string { return filepath.Join(j.cfg.Dir, item.folder()) }
