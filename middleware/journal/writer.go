package journal

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// tick is how often the writer sees to what nobody calls it for: writing what
// is acknowledged, and measuring the disk.
const tick = time.Second

// write is the goroutine that alone writes to the log. All that waits when it
// comes round is one group.
func (j *Journal) write() {
	defer close(j.writerDone)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		ticked := false
		select {
		case <-j.wakeWriter:
		case <-ticker.C:
			ticked = true
			j.makeReserve()
			j.refreshLimit()
			j.saveManifest()
		}
		if j.endSuspect() {
			signal(j.wakeReader)
		}
		for {
			group, closing := j.take()
			if len(group) == 0 {
				if j.mustSay(ticked || closing) {
					j.writeGroup(nil)
				}
				if closing {
					return
				}
				break
			}
			j.writeGroup(group)
		}
	}
}

// take takes the next group off what waits.
func (j *Journal) take() (group []*request, closing bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	size := 0
	for _, r := range j.pending {
		if r.record != nil {
			size += r.record.size()
		}
		if len(group) > 0 && size > j.cfg.GroupBytes {
			break
		}
		group = append(group, r)
	}
	j.pending = j.pending[len(group):]
	if len(j.pending) == 0 {
		j.pending = nil
	}
	return group, j.closed
}

// mustSay tells whether an entry without records is due. One is as well before
// files can go.
func (j *Journal) mustSay(due bool) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.unsaid {
		return false
	}
	return due || j.current != nil && j.acked.generation > j.manifest.Generations[0].Number
}

// writeGroup writes a group as one entry and answers those who wait.
func (j *Journal) writeGroup(group []*request) {
	e, size := j.entryOf(group)
	began := time.Now()
	err := j.writeEntry(e)
	took := time.Since(began)
	j.mu.Lock()
	j.waiting -= size
	if err == nil {
		j.unsaid = j.unsaid && j.acked != e.acked
		j.keep(e, size)
	}
	j.mu.Unlock()
	for _, r := range group {
		r.done <- err
	}
	if err != nil {
		j.cfg.Observer.Failed(err)
		j.cfg.Logger.Error("the journal could not be written to; what it was given is refused", "error", err)
		return
	}
	j.cfg.Observer.Wrote(len(e.records), e.size(), took.Seconds())
	signal(j.wakeReader)
	j.letGo()
}

// entryOf makes the entry of a group, and returns its records' bytes.
func (j *Journal) entryOf(group []*request) (*entry, int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := &entry{acked: j.acked, seals: append([]entrySeal(nil), j.seals...)}
	size := int64(0)
	for _, r := range group {
		if r.record != nil {
			e.records = append(e.records, *r.record)
			size += int64(r.record.size())
		}
		e.seals = slices.DeleteFunc(e.seals, func(old entrySeal) bool { return slices.ContainsFunc(r.seals, old.overlaps) })
		for _, s := range r.seals {
			if j.acked.before(s.last()) {
				e.seals = append(e.seals, s)
			}
		}
	}
	slices.SortFunc(e.seals, entrySeal.compare)
	return e, size
}

// writeEntry brings an entry to disk, in a generation that can take it.
func (j *Journal) writeEntry(e *entry) error {
	var failed error
	for range 2 { // what one generation does not take, the next one may
		if j.current == nil {
			if err := j.begin(); err != nil {
				return fmt.Errorf("%w: %w", ErrWrite, errors.Join(failed, err))
			}
		}
		e.first = j.current.next
		err := j.current.write(e)
		if err == nil {
			return nil
		}
		// What the disk has of it now, nobody knows: nothing may follow it.
		j.end(false)
		failed = errors.Join(failed, err)
	}
	return fmt.Errorf("%w: %w", ErrWrite, failed)
}

// keep takes note of an entry that is on disk, with the lock held.
func (j *Journal) keep(e *entry, size int64) {
	g := j.current
	number := g.next
	for i := range e.records {
		r := &e.records[i]
		r.Sequence, r.First = g.Sequence, number
		number += uint64(r.Units)
	}
	j.units += int64(number - g.next)
	g.next = number
	g.lastIndex++
	j.bytes += size
	j.seals = j.seals[:0]
	for _, s := range e.seals { // acknowledged meanwhile?
		if j.acked.before(s.last()) {
			j.seals = append(j.seals, s)
		}
	}
	if j.caching && j.cached+int(size) <= j.cfg.CacheBytes {
		j.cache = append(j.cache, cached{g.lastIndex, e})
		j.cached += int(size)
	} else {
		j.caching = false
	}
}

// letGo frees the files of what is acknowledged.
func (j *Journal) letGo() {
	j.retire()
	j.mu.Lock()
	index, said := j.truncatable()
	j.mu.Unlock()
	if !said {
		return
	}
	if err := j.current.truncate(index); err != nil {
		j.cfg.Logger.Warn("the journal could not be shortened; it will be tried again", "error", err)
	}
}

// begin begins a generation. It is called by Open and by the writer alone.
func (j *Journal) begin() error {
	j.mu.Lock()
	item := j.manifest.next()
	m := manifest{j.manifest.Version, j.place, append(slices.Clone(j.manifest.Generations), item)}
	j.mu.Unlock()
	err := m.save(j.cfg)
	if err != nil && j.spendReserve() {
		err = m.save(j.cfg)
	}
	if err != nil {
		return err
	}
	g, err := openGeneration(j.cfg, item, j.segmentSize())
	if err != nil && j.spendReserve() {
		// For what the log must tell so that what it holds can go: seals.
		err = errors.Join(err, os.RemoveAll(j.folder(item)))
		if second, again := openGeneration(j.cfg, item, minSegment); again == nil {
			g, err = second, nil
		}
	}
	if err != nil {
		// Nothing was given to it. Should its name stay in the list on disk, it
		// is one that is missing.
		return errors.Join(err, os.RemoveAll(j.folder(item)), j.manifest.save(j.cfg))
	}
	j.mu.Lock()
	j.manifest, j.current, j.unsaved = &m, g, false
	j.freed, j.freeIndex = 0, 0
	if len(m.Generations) == 1 || j.acked.generation == 0 {
		j.acked = position{m.Generations[0].Number, j.acked.number}
	}
	j.mu.Unlock()
	return nil
}

// end ends the current generation: it is only read from now on.
func (j *Journal) end(damaged bool) {
	g := j.current
	j.mu.Lock()
	last := g.next - 1
	item := &j.manifest.Generations[len(j.manifest.Generations)-1]
	item.Last, item.Damaged = &last, item.Damaged || damaged
	j.current, j.unsaved = nil, true
	j.cache, j.cached, j.caching = nil, 0, false
	j.mu.Unlock()
	j.saveManifest()
	if err := g.close(); err != nil {
		j.cfg.Logger.Warn("closing a generation of the journal", "error", err)
	}
}

// endSuspect ends a generation in which the reader found damage.
func (j *Journal) endSuspect() bool {
	j.mu.Lock()
	suspect := j.suspect
	j.suspect = false
	j.mu.Unlock()
	if !suspect || j.current == nil {
		return false
	}
	j.end(true)
	if err := j.begin(); err != nil {
		j.cfg.Logger.Error("the journal can take no logs", "error", err)
	}
	return true
}

// saveManifest brings the manifest to disk, if it is not there yet.
func (j *Journal) saveManifest() {
	j.mu.Lock()
	m, unsaved := manifest{j.manifest.Version, j.manifest.Place, slices.Clone(j.manifest.Generations)}, j.unsaved
	j.mu.Unlock()
	if !unsaved {
		return
	}
	if err := m.save(j.cfg); err != nil {
		j.cfg.Logger.Warn("the journal's list of generations was not written; it will be tried again", "error", err)
		return
	}
	j.mu.Lock()
	j.unsaved = false
	j.mu.Unlock()
}

// segmentSize returns the size of the files, which on a small disk are small:
// they are made at full size.
func (j *Journal) segmentSize() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return int(max(minSegment, min(int64(j.cfg.SegmentSize), j.limit/8)))
}

// truncatable returns the index up to which the current log can go, once that
// frees a file or more, with the lock held.
func (j *Journal) truncatable() (uint64, bool) {
	g := j.current
	if g == nil || j.unsaid || j.freed < int64(g.segmentSize) || j.freeIndex == 0 {
		return 0, false
	}
	j.freed = 0
	return min(j.freeIndex, g.lastIndex-1), true
}
