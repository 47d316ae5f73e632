package journal

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft-wal/fs"
)

// Report is what lies in a journal's folder.
type Report struct {
	Generations []GenerationReport
	Acked       string // SEQUENCE-NUMBER of the last unit known to be acknowledged, empty when there is none
	Seals       []Seal // that are not acknowledged, oldest first
	Units       uint64 // intact and not acknowledged
}

// GenerationReport is what lies in a generation's folder.
type GenerationReport struct {
	Name, Sequence string
	Files          int
	Bytes          int64 // of the files
	Entries        int   // intact
	Records        int
	First, Last    uint64 // numbers of the first and last intact unit; 0 when there is none
	Current        bool   // it takes what is appended
	// Damage is what cannot be read, each thing in a sentence. What stands
	// behind the last intact number is none, unless the generation's end is
	// known: it was being written when the process ended.
	Damage []string
}

// Inspect reads all that is in a journal's folder, without opening or changing
// it, so also while another process has it open. visit, unless it is nil, is
// called for each intact record, and for nothing that Append refused.
func Inspect(dir string, visit func(r Record, acked bool) error) (*Report, error) {
	if _, err := os.Stat(filepath.Join(dir, manifestName)); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	m, err := loadManifest(dir)
	if err != nil {
		return nil, err
	}
	report := &Report{}
	var acked position
	for i := len(m.Generations) - 1; i >= 0; i-- {
		newest, err := newestEntry(fs.New(), filepath.Join(dir, m.Generations[i].folder()))
		if err != nil {
			return nil, err
		}
		if newest == nil {
			continue
		}
		acked = newest.acked
		for _, s := range newest.seals {
			report.Seals = append(report.Seals, sealOf(m, s))
		}
		break
	}
	for i, item := range m.Generations {
		if item.Number == acked.generation && acked.number > 0 {
			report.Acked = fmt.Sprintf("%s-%d", item.Sequence, acked.number)
		}
		g, err := inspect(dir, item, acked, report, visit)
		if err != nil {
			return nil, err
		}
		g.Current = i == len(m.Generations)-1 && item.Last == nil && !item.Damaged
		report.Generations = append(report.Generations, *g)
	}
	return report, nil
}

func sealOf(m *manifest, s entrySeal) Seal {
	j := Journal{manifest: m}
	return j.sealOf(s)
}

// inspect reads one generation.
func inspect(dir string, item manifestItem, acked position, report *Report, visit func(Record, bool) error) (*GenerationReport, error) {
	g := &GenerationReport{Name: item.folder(), Sequence: item.Sequence}
	files, err := scan(fs.New(), filepath.Join(dir, item.folder()))
	if err != nil {
		return nil, err
	}
	defer files.close()
	g.Files = len(files.files)
	for _, file := range files.files {
		if info, err := os.Stat(file); err == nil {
			g.Bytes += info.Size()
		}
	}
	gone := acked.within(item.Number) // as far as units may have been let go of
	for {
		e, err := files.next()
		if isEnd(err) {
			break
		}
		if err != nil {
			return nil, err
		}
		g.Entries++
		if len(e.records) == 0 || item.Last != nil && e.first > *item.Last {
			continue
		}
		if before := max(g.Last, gone); e.first > before+1 {
			g.Damage = append(g.Damage, fmt.Sprintf("units %d to %d cannot be read", before+1, e.first-1))
		}
		for _, r := range e.records {
			if r.First <= g.Last {
				continue
			}
			if g.First == 0 {
				g.First = r.First
			}
			g.Records++
			g.Last = r.First + uint64(r.Units) - 1
			r.Sequence = item.Sequence
			done := !acked.before(position{item.Number, g.Last})
			if !done {
				report.Units += uint64(r.Units)
			}
			if visit != nil {
				if err := visit(r, done); err != nil {
					return nil, err
				}
			}
		}
	}
	if item.Last != nil && *item.Last > g.Last {
		g.Damage = append(g.Damage, fmt.Sprintf("units %d to %d cannot be read", g.Last+1, *item.Last))
	}
	if item.Damaged && len(g.Damage) == 0 {
		g.Damage = append(g.Damage, "it was damaged when it was last opened")
	}
	return g, nil
}
