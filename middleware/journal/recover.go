package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// recover finds out where an earlier life of the journal ended.
func (j *Journal) recover() error {
	if err := j.recoverManifest(); err != nil {
		return err
	}
	j.bytes = j.occupied()
	j.makeReserve()
	j.refreshLimit()
	samePlace := j.samePlace()
	if n := len(j.manifest.Generations); n > 0 && samePlace && !j.manifest.Generations[n-1].Damaged && j.manifest.Generations[n-1].Last == nil {
		if err := j.resume(&j.manifest.Generations[n-1]); err != nil {
			return err
		}
	}
	if err := j.recoverHeader(); err != nil {
		return err
	}
	if err := j.recoverEnds(); err != nil {
		return err
	}
	j.retire()
	if j.current == nil {
		// A full disk is no reason not to ship what is here already.
		if err := j.begin(); err != nil {
			j.cfg.Logger.Warn("the journal can take no logs yet", "folder", j.cfg.Dir, "error", err)
		}
	}
	if j.current != nil {
		j.units = max(0, j.between(j.acked, position{j.current.Number, j.current.next - 1}))
		if j.empty() {
			j.bytes = 0
		}
	}
	return j.startReader()
}

// samePlace tells whether the journal lies where it was written. A copy of it
// goes on in a sequence of its own: two that gave the same numbers to different
// records would each have them taken for the other's. What is in both already
// has the same numbers in both, and is the same.
func (j *Journal) samePlace() bool {
	j.place = j.cfg.Place(j.cfg.Dir)
	switch j.manifest.Place {
	case j.place:
	case "":
		j.manifest.Place, j.unsaved = j.place, true
	default:
		j.cfg.Logger.Info("the journal was copied, or the machine was started anew: it goes on in a new sequence", "folder", j.cfg.Dir)
		return false
	}
	return true
}

// recoverManifest loads the manifest, or makes one of the folders' names, and
// deals with folders that it does not name.
func (j *Journal) recoverManifest() error {
	there, err := folders(j.cfg.Dir)
	if err != nil {
		return err
	}
	j.manifest, err = loadManifest(j.cfg.Dir)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if err != nil || len(j.manifest.Generations) == 0 && len(there) > 0 {
		j.damage(fmt.Sprintf("the list of generations in %s cannot be read; they are read as they lie", filepath.Join(j.cfg.Dir, manifestName)))
		if err != nil {
			j.setAside(manifestName)
		}
		j.manifest = &manifest{Version: 1, Generations: there}
		for i := range there {
			there[i].Damaged = true
		}
		return nil
	}
	newest := j.manifest.next().Number
	for _, item := range there {
		if _, known := j.generationOf(item.Sequence); known {
			continue
		}
		if item.Number < newest { // it was let go of, and the process ended before its files were
			if err := os.RemoveAll(j.folder(item)); err != nil {
				return fmt.Errorf("journal: %w", err)
			}
			continue
		}
		j.damage(fmt.Sprintf("nothing is known of %s", j.folder(item)))
		j.setAside(item.folder())
	}
	return nil
}

// resume opens the newest generation to go on in it, unless something about it
// is in doubt: then it is only read, and the next one takes what comes.
func (j *Journal) resume(item *manifestItem) error {
	dir := j.folder(*item)
	segments, missing, err := listed(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && missing != "":
		j.damageItem(item, fmt.Sprintf("%s is missing", filepath.Join(dir, missing)))
		return nil
	case err != nil:
		j.damageItem(item, err.Error())
		return nil
	}
	g, err := openGeneration(j.cfg, *item, j.segmentSize())
	if err != nil {
		j.damageItem(item, err.Error())
		return nil
	}
	if g.lastIndex > 0 {
		last, err := g.read(g.lastIndex)
		if err != nil {
			j.damageItem(item, err.Error())
			return g.close()
		}
		g.next = last.first + last.units()
	}
	if n := len(segments); n > 0 {
		newest := segments[n-1]
		end, err := readTail(j.cfg.VFS, filepath.Join(dir, segment.FileName(newest)), g.next)
		if err != nil {
			return errors.Join(unread(err), g.close())
		}
		known := uint64(0)
		if g.lastIndex >= newest.BaseIndex {
			known = g.lastIndex + 1 - newest.BaseIndex
		}
		if what := end.damage(known); what != "" {
			j.damageItem(item, fmt.Sprintf("%s: %s", dir, what))
		}
		if !end.sound(known) {
			return g.close()
		}
	}
	j.current = g
	return nil
}

// recoverHeader learns from the newest entry what was acknowledged and sealed.
func (j *Journal) recoverHeader() error {
	if j.current != nil && j.current.lastIndex > 0 {
		e, err := j.current.read(j.current.lastIndex)
		if err != nil {
			return err
		}
		j.acked, j.seals = e.acked, e.seals
		return nil
	}
	for i := len(j.manifest.Generations) - 1; i >= 0; i-- {
		e, err := newestEntry(j.cfg.VFS, j.folder(j.manifest.Generations[i]))
		if err != nil {
			return err
		}
		if e != nil {
			j.acked, j.seals = e.acked, e.seals
			return nil
		}
	}
	return nil
}

// recoverEnds finds out how far the generations can be read whose end nobody
// wrote down.
func (j *Journal) recoverEnds() error {
	for i := range j.manifest.Generations {
		item := &j.manifest.Generations[i]
		if item.Last != nil || j.current != nil && j.current.Number == item.Number {
			continue
		}
		e, err := newestEntry(j.cfg.VFS, j.folder(*item))
		if err != nil {
			return err
		}
		if e != nil {
			item.intact = e.first + e.units() - 1
		}
	}
	return nil
}

// newestEntry returns the last intact entry in a generation's folder, nil when
// there is none.
func newestEntry(disk types.VFS, dir string) (*entry, error) {
	all, err := scan(disk, dir)
	if err != nil {
		return nil, err
	}
	for i := len(all.files) - 1; i >= 0; i-- {
		s := &scanner{disk: disk, files: all.files[i : i+1]}
		var newest *entry
		for {
			e, err := s.next()
			if isEnd(err) {
				break
			}
			if err != nil {
				s.close()
				return nil, unread(err)
			}
			newest = e
		}
		if newest != nil {
			return newest, nil
		}
	}
	return nil, nil
}

// unread tells what to do when the disk does not read a file at the start.
func unread(err error) error {
	return fmt.Errorf("journal: %w (it holds records that were accepted: check the disk and start again, "+
		"or move the file elsewhere to go on without what is in it)", err)
}

// retire lets go of the generations before the acknowledged unit's. Those with
// damage are kept aside. It is called by Open and by the writer alone.
func (j *Journal) retire() {
	j.mu.Lock()
	var gone []manifestItem
	for len(j.manifest.Generations) > 1 && j.manifest.Generations[0].Number < j.acked.generation {
		gone = append(gone, j.manifest.Generations[0])
		j.manifest.Generations = j.manifest.Generations[1:]
	}
	j.unsaved = j.unsaved || len(gone) > 0
	j.mu.Unlock()
	if len(gone) == 0 {
		return
	}
	j.saveManifest() // if it cannot be, the next start finds the folders gone
	for _, item := range gone {
		if item.Damaged {
			j.setAside(item.folder())
		} else if err := os.RemoveAll(j.folder(item)); err != nil {
			j.cfg.Logger.Warn("files of the journal that are done with were not removed", "folder", j.folder(item), "error", err)
		}
	}
}

// setAside moves a file or folder of the journal to "damaged".
func (j *Journal) setAside(name string) {
	aside := filepath.Join(j.cfg.Dir, "damaged")
	to := filepath.Join(aside, name+"-"+time.Now().UTC().Format("20060102T150405.000"))
	err := errors.Join(os.MkdirAll(aside, 0o755), os.Rename(filepath.Join(j.cfg.Dir, name), to))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		j.cfg.Logger.Error("what is damaged could not be set aside", "name", name, "error", err)
	}
}

func (j *Journal) damage(what string) {
	j.cfg.Observer.Damaged(what)
	j.cfg.Logger.Error("the journal is damaged", "what", what)
}

func (j *Journal) damageItem(item *manifestItem, what string) {
	item.Damaged, j.unsaved = true, true
	j.damage(what)
}

// occupied returns the bytes of all files, about.
func (j *Journal) occupied() int64 {
	total := int64(0)
	for _, item := range j.manifest.Generations {
		all, err := scan(j.cfg.VFS, j.folder(item))
		if err != nil {
			continue
		}
		for _, file := range all.files {
			if info, err := os.Stat(file); err == nil {
				total += info.Size()
			}
		}
	}
	return total
}
