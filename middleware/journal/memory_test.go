package journal_test

import (
	"runtime"
	"strings"
	"testing"

	"millrace/middleware/journal"
)

// What the reader is behind with lies on disk alone: a backlog of many files
// takes no more memory than one of a few.
func TestMemoryDoesNotGrowWithTheBacklog(t *testing.T) {
	cfg := journal.Config{Dir: tempDir(t), SegmentSize: 1 << 20, CacheBytes: 1 << 10}
	j := open(t, cfg)
	body := journal.Record{Units: 1, Body: []byte(strings.Repeat("x", 600<<10))}
	fill := func(n int) uint64 {
		for range n {
			if err := j.Append(body); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	few := fill(10)
	if many := fill(100); many > few+8<<20 {
		t.Errorf("%d bytes are in use with 10 records waiting, %d with 110", few, many)
	}
}
