package journal

import (
	"sync"
	"time"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// filer opens raft-wal's files. raft-wal goes on reading a file that is full
// through the writer that filled it, and so keeps that writer's buffer, of the
// size of the largest group, for each file of a backlog. Here a writer whose
// file is full becomes a reader, which has none.
type filer struct{ *segment.Filer }

func (f filer) Create(info types.SegmentInfo) (types.SegmentWriter, error) {
	return f.lean(info)(f.Filer.Create(info))
}

func (f filer) RecoverTail(info types.SegmentInfo) (types.SegmentWriter, error) {
	return f.lean(info)(f.Filer.RecoverTail(info))
}

func (f filer) lean(info types.SegmentInfo) func(types.SegmentWriter, error) (types.SegmentWriter, error) {
	return func(w types.SegmentWriter, err error) (types.SegmentWriter, error) {
		if err != nil {
			return nil, err
		}
		return &leanWriter{filer: f.Filer, info: info, writer: w}, nil
	}
}

// leanWriter is a writer until its file is full, and then a reader.
type leanWriter struct {
	filer *segment.Filer
	info  types.SegmentInfo

	mu     sync.RWMutex // held for reading while either of these is used
	writer types.SegmentWriter
	reader types.SegmentReader // once writer is nil

	last, indexStart uint64 // once writer is nil
}

// Append implements types.SegmentWriter.
func (w *leanWriter) Append(entries []types.LogEntry) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.writer == nil {
		return types.ErrSealed
	}
	return w.writer.Append(entries)
}

// Sealed implements types.SegmentWriter. raft-wal calls it behind each Append.
func (w *leanWriter) Sealed() (bool, uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writer == nil {
		return true, w.indexStart, nil
	}
	sealed, indexStart, err := w.writer.Sealed()
	if err != nil || !sealed || w.writer.LastIndex() == 0 {
		return sealed, indexStart, err
	}
	full := w.info
	full.MaxIndex, full.IndexStart, full.SealTime = w.writer.LastIndex(), indexStart, time.Now()
	reader, err := w.filer.Open(full)
	if err != nil {
		return sealed, indexStart, nil // the writer can read it as well
	}
	_ = w.writer.Close() // all that it wrote is synced
	w.reader, w.writer, w.last, w.indexStart = reader, nil, full.MaxIndex, indexStart
	return true, indexStart, nil
}

// LastIndex implements types.SegmentWriter.
func (w *leanWriter) LastIndex() uint64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.writer == nil {
		return w.last
	}
	return w.writer.LastIndex()
}

// GetLog implements types.SegmentReader.
func (w *leanWriter) GetLog(index uint64) (*types.PooledBuffer, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.writer == nil {
		return w.reader.GetLog(index)
	}
	return w.writer.GetLog(index)
}

// Close implements io.Closer.
func (w *leanWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writer == nil {
		return w.reader.Close()
	}
	return w.writer.Close()
}
