package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// reader is where Next stands. Nobody else touches it.
type reader struct {
	item    manifestItem
	next    uint64 // number of the unit that must come next
	index   uint64 // of the entry that must come next, in the current generation
	files   *scanner
	ended   bool     // files has no more
	failed  int      // how often files could not be read
	records []Record // of the entry that was read, not returned yet
}

// isEnd tells whether an error says that there is no more.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }

// startReader puts the reader behind what is acknowledged.
func (j *Journal) startReader() error {
	if len(j.manifest.Generations) == 0 {
		return nil // the first generation will be the reader's when it begins
	}
	return j.readFrom(j.manifest.Generations[0])
}

// readFrom puts the reader at a generation's first unit that is not
// acknowledged.
func (j *Journal) readFrom(item manifestItem) (err error) {
	j.reader.close()
	j.reader = reader{item: item, next: 1, index: 1}
	j.mu.Lock()
	acked, current, last := j.acked, j.current, uint64(0)
	if current != nil {
		last = current.lastIndex
	}
	j.mu.Unlock()
	if acked.generation == item.Number {
		j.reader.next = acked.number + 1
	}
	if current == nil || current.Number != item.Number {
		return nil
	}
	j.reader.index, err = current.search(j.reader.next-1, last)
	if errors.Is(err, ErrClosed) {
		return nil // it has ended meanwhile, and is read as those that have
	}
	if err != nil {
		j.cfg.Logger.Warn("searching the journal", "error", err)
		j.reader.index = 0 // before the first: the next read finds the damage
		err = nil
	}
	return err
}

func (r *reader) close() {
	if r.files != nil {
		r.files.close()
	}
}

// Next returns the next record, when there is one. It returns io.EOF once the
// journal is stopped and all of it is read, ErrClosed once it is closed, and
// the context's error. One goroutine at a time may call it.
func (j *Journal) Next(ctx context.Context) (Record, error) {
	for {
		for len(j.reader.records) > 0 {
			r := j.reader.records[0]
			j.reader.records = j.reader.records[1:]
			end := r.First + uint64(r.Units)
			if end <= j.reader.next {
				continue // acknowledged in an earlier life
			}
			r.Sequence = j.reader.item.Sequence
			if r.First < j.reader.next {
				r.Skip = int(j.reader.next - r.First)
			}
			j.reader.next = end
			return r, nil
		}
		e, err := j.nextEntry(ctx)
		if err != nil {
			return Record{}, err
		}
		if e != nil {
			j.reader.records = e.records
		}
	}
}

// More tells whether Next would return at once. It is for the goroutine that
// calls Next.
func (j *Journal) More() bool {
	if len(j.reader.records) > 0 {
		return true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, item := range j.manifest.Generations {
		next, last := uint64(1), item.last()
		switch {
		case item.Number < j.reader.item.Number, item.Number == j.reader.item.Number && j.reader.ended:
			continue
		case item.Number == j.reader.item.Number:
			next = j.reader.next
		}
		if j.current != nil && j.current.Number == item.Number {
			last = j.current.next - 1
		}
		if next <= last {
			return true
		}
	}
	return false
}

// nextEntry returns the next entry with records, or nil when it moved to
// another place to read from.
func (j *Journal) nextEntry(ctx context.Context) (*entry, error) {
	j.mu.Lock()
	current := j.current
	switch {
	case j.closed:
		j.mu.Unlock()
		return nil, ErrClosed
	case j.reader.item.Number == 0 && len(j.manifest.Generations) > 0:
		first := j.manifest.Generations[0]
		j.mu.Unlock()
		return nil, j.readFrom(first)
	case current != nil && current.Number == j.reader.item.Number && !j.suspect:
		return j.nextCurrent(ctx, current) // which unlocks
	case j.reader.item.Number == 0 || j.suspect:
		j.mu.Unlock()
		return nil, j.await(ctx)
	}
	j.mu.Unlock()
	return j.nextScanned(ctx)
}

// await waits for the writer's signal.
func (j *Journal) await(ctx context.Context) error {
	select {
	case <-j.wakeReader:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nextCurrent reads from the generation that is being written, with the lock
// held, which it releases.
func (j *Journal) nextCurrent(ctx context.Context, g *generation) (*entry, error) {
	index := j.reader.index
	for len(j.cache) > 0 && j.cache[0].index < index {
		j.dropCached()
	}
	switch {
	case index > g.lastIndex:
		j.caching = true // the reader has caught up
		stopped := j.stopped && len(j.pending) == 0 && j.waiting == 0
		j.mu.Unlock()
		if stopped {
			return nil, io.EOF
		}
		return nil, j.await(ctx)
	case len(j.cache) > 0 && j.cache[0].index == index:
		e := j.cache[0].entry
		j.dropCached()
		j.hand(e, g.Number, index)
		j.mu.Unlock()
		j.reader.index++
		return e, nil
	}
	j.mu.Unlock()
	e, err := g.read(index)
	if errors.Is(err, ErrClosed) {
		return nil, nil // it has ended meanwhile
	}
	if err == nil && len(e.records) > 0 && (e.first > j.reader.next || e.first+e.units() <= j.reader.next) {
		err = fmt.Errorf("%w: entry %d holds the units from %d, wanted are those from %d", ErrCorrupt, index, e.first, j.reader.next)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.damage(err.Error())
		j.suspect = true
		signal(j.wakeWriter)
		return nil, nil
	}
	j.hand(e, g.Number, index)
	j.reader.index++
	return e, nil
}

func (j *Journal) dropCached() {
	for _, r := range j.cache[0].entry.records {
		j.cached -= r.size()
	}
	j.cache[0] = cached{}
	j.cache = j.cache[1:]
}

// hand takes note of an entry that was read, with the lock held.
func (j *Journal) hand(e *entry, generation uint32, index uint64) {
	if len(e.records) == 0 {
		return
	}
	size := int64(0)
	for _, r := range e.records {
		size += int64(r.size())
	}
	j.handed = append(j.handed, handed{position{generation, e.first + e.units() - 1}, index, size, e.records[0].TakenAt})
}

// nextScanned reads from a generation that has ended.
func (j *Journal) nextScanned(ctx context.Context) (*entry, error) {
	r := &j.reader
	j.mu.Lock()
	for _, item := range j.manifest.Generations { // its end may have become known
		if item.Number == r.item.Number {
			r.item = item
		}
	}
	j.mu.Unlock()
	if r.files == nil {
		files, err := scan(j.cfg.VFS, j.folder(r.item))
		if err != nil {
			return nil, err
		}
		r.files = files
	}
	e, err := r.files.next()
	if isEnd(err) || err == nil && r.item.Last != nil && e.first > *r.item.Last && len(e.records) > 0 {
		return nil, j.nextGeneration(ctx)
	}
	if err != nil {
		return nil, j.unreadable(err)
	}
	if len(e.records) == 0 || e.first+e.units() <= r.next {
		return nil, nil // acknowledged, or read already
	}
	if e.first > r.next {
		j.damage(fmt.Sprintf("units %d to %d of sequence %s cannot be read", r.next, e.first-1, r.item.Sequence))
		r.next = e.first
	}
	j.mu.Lock()
	j.hand(e, r.item.Number, 0)
	j.mu.Unlock()
	return e, nil
}

// readTries is how often a generation's files may fail to be read before what
// cannot be is passed over: whoever calls Next waits between its calls.
const readTries = 5

// unreadable deals with a disk that does not read what it has. Where that does
// not pass, all behind it would wait for ever: the reader then goes on behind
// the block, and the files are kept aside when their turn to go comes.
func (j *Journal) unreadable(err error) error {
	r := &j.reader
	if r.failed++; r.failed < readTries {
		return fmt.Errorf("journal: try %d of %d to read it (check the disk; what cannot be read is then passed over, and its files are kept): %w",
			r.failed, readTries, err)
	}
	r.files.passOver()
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.manifest.Generations {
		if item := &j.manifest.Generations[i]; item.Number == r.item.Number {
			j.damageItem(item, fmt.Sprintf("a part of %s is passed over: %v", j.folder(*item), err))
		}
	}
	return nil
}

// nextGeneration goes on behind a generation that is read to its end.
func (j *Journal) nextGeneration(ctx context.Context) error {
	r := &j.reader
	if last := r.item.Last; last != nil && r.next <= *last {
		j.damage(fmt.Sprintf("units %d to %d of sequence %s cannot be read", r.next, *last, r.item.Sequence))
	}
	r.ended = true
	j.mu.Lock()
	var following *manifestItem
	for i := range j.manifest.Generations {
		if j.manifest.Generations[i].Number > r.item.Number {
			item := j.manifest.Generations[i]
			following = &item
			break
		}
	}
	stopped := j.stopped && j.current == nil
	j.mu.Unlock()
	if following != nil {
		return j.readFrom(*following)
	}
	if stopped {
		return io.EOF
	}
	return j.await(ctx)
}
