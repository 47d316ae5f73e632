package journal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const manifestName = "journal.json"

// manifest lists the generations, oldest first. The last one takes what is
// appended.
type manifest struct {
	Version     int            `json:"version"`
	Place       string         `json:"place,omitempty"` // where the journal lies; a copy lies elsewhere
	Generations []manifestItem `json:"generations"`
}

type manifestItem struct {
	Number   uint32  `json:"number"`
	Sequence string  `json:"sequence"`
	Last     *uint64 `json:"last,omitempty"` // the last unit that was taken, once the generation has ended
	Damaged  bool    `json:"damaged,omitempty"`

	intact uint64 // the last unit that can be read, when it was not ended by this process
}

// last returns the last unit that was taken, as far as that is known.
func (i manifestItem) last() uint64 {
	if i.Last != nil {
		return *i.Last
	}
	return i.intact
}

// folder returns the name of the generation's folder, which tells all that must
// be known should the manifest be lost.
func (i manifestItem) folder() string { return fmt.Sprintf("%08d-%s", i.Number, i.Sequence) }

var folderName = regexp.MustCompile(`^(\d{8})-([a-z0-9]+)$`)

// folders returns the generations whose folders are in dir, oldest first.
func folders(dir string) ([]manifestItem, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var items []manifestItem
	for _, name := range names { // sorted by name
		if match := folderName.FindStringSubmatch(name.Name()); match != nil && name.IsDir() {
			number, _ := strconv.ParseUint(match[1], 10, 32)
			items = append(items, manifestItem{Number: uint32(number), Sequence: match[2]})
		}
	}
	return items, nil
}

// next returns the item of a generation that follows.
func (m *manifest) next() manifestItem {
	number := uint32(1)
	if n := len(m.Generations); n > 0 {
		number = m.Generations[n-1].Number + 1
	}
	return manifestItem{Number: number, Sequence: strings.ToLower(rand.Text()[:20])} // 100 bits
}

// loadManifest returns an empty manifest when there is none.
func loadManifest(dir string) (*manifest, error) {
	m := &manifest{Version: 1}
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, filepath.Join(dir, manifestName), err)
	}
	if m.Version != 1 {
		return nil, fmt.Errorf("journal: %s is of version %d, and this program knows version 1: use the program that wrote it", filepath.Join(dir, manifestName), m.Version)
	}
	return m, nil
}

// save replaces the manifest on disk.
func (m *manifest) save(cfg Config) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return cfg.Disk.Replace(filepath.Join(cfg.Dir, manifestName), append(text, '\n'))
}
