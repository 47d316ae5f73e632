package sourcetest

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"millrace/app"
)

// Memory is an app.RecordSource in memory. Safe for concurrent use, also in a
// synctest bubble.
type Memory struct {
	mu      sync.Mutex
	records [][]app.TailRecord
	oldest  []int64
	changed chan struct{} // closed and made anew with each change
	err     error         // of every call, while it is set
	reads   int           // that run
}

// NewMemory returns an empty source.
func NewMemory(partitions int) *Memory {
	return &Memory{records: make([][]app.TailRecord, partitions), oldest: make([]int64, partitions), changed: make(chan struct{})}
}

// Write adds a record of another producer's.
func (m *Memory) Write(partition int32, payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	offset := int64(len(m.records[partition]))
	m.records[partition] = append(m.records[partition], app.TailRecord{
		Partition: partition, Offset: offset, Payload: payload, Time: time.Now(),
		Metadata: map[string]string{
			app.MetaTopic: app.TopicLogs, app.MetaPartition: strconv.Itoa(int(partition)), app.MetaOffset: strconv.FormatInt(offset, 10),
		},
	})
	m.wake()
}

// Forget deletes a partition's records before an offset.
func (m *Memory) Forget(partition int32, before int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.oldest[partition] = before
}

// Fail makes every call fail, also those that run, until it is called with nil.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	m.wake()
}

// Reads tells how many Reads run.
func (m *Memory) Reads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

func (m *Memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// Ends implements app.RecordSource.
func (m *Memory) Ends(context.Context) (app.Positions, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ends := app.Positions{}
	for partition, records := range m.records {
		ends[int32(partition)] = int64(len(records))
	}
	return ends, m.err
}

// Read implements app.RecordSource.
func (m *Memory) Read(ctx context.Context, from app.Positions, deliver func(app.TailRecord) error) error {
	m.mu.Lock()
	m.reads++
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.reads--
		m.mu.Unlock()
	}()
	at := maps.Clone(from)
	if at == nil {
		at = app.Positions{}
	}
	for {
		record, changed, err := m.next(at)
		if err != nil {
			return err
		}
		if record == nil {
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		at[record.Partition] = record.Offset + 1
		if err := deliver(*record); err != nil {
			return err
		}
	}
}

func (m *Memory) next(at app.Positions) (*app.TailRecord, chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, nil, m.err
	}
	for partition, records := range m.records {
		wanted, known := at[int32(partition)]
		offset := max(wanted, m.oldest[partition])
		if offset < int64(len(records)) {
			record := records[offset]
			if known {
				record.Gone = offset - wanted
			}
			return &record, nil, nil
		}
	}
	return nil, m.changed, nil
}
