// Package sourcetest has what every app.RecordSource must do as tests, and a
// source in memory that does it.
package sourcetest

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"millrace/app"
)

// Partitions is how many partitions a source under test has.
const Partitions = 2

// World is a source under test, with what writes to it.
type World struct {
	Source app.RecordSource
	// Write adds a record to a partition.
	Write func(partition int32, payload string)
	// Forget deletes a partition's records before an offset.
	Forget func(partition int32, before int64)
}

// Test runs the tests; each is given a world of its own.
func Test(t *testing.T, make func(t *testing.T) World) {
	t.Run("ends are behind the last records", func(t *testing.T) { testEnds(t, make(t)) })
	t.Run("records come in order from the positions on", func(t *testing.T) { testRead(t, make(t)) })
	t.Run("what comes later is read", func(t *testing.T) { testFollow(t, make(t)) })
	t.Run("what is gone is told", func(t *testing.T) { testGone(t, make(t)) })
	t.Run("an error of deliver ends it", func(t *testing.T) { testStop(t, make(t)) })
}

func testEnds(t *testing.T, w World) {
	for _, want := range []app.Positions{{0: 0, 1: 0}, {0: 2, 1: 1}} {
		got, err := w.Source.Ends(t.Context())
		if err != nil || !maps.Equal(got, want) {
			t.Fatalf("ends %v, %v: want %v", got, err, want)
		}
		w.Write(0, "a")
		w.Write(0, "b")
		w.Write(1, "c")
	}
}

// read reads until n records came.
func read(t *testing.T, source app.RecordSource, from app.Positions, n int) []app.TailRecord {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var records []app.TailRecord
	err := source.Read(ctx, from, func(r app.TailRecord) error {
		if records = append(records, r); len(records) == n {
			cancel()
		}
		return nil
	})
	if len(records) < n {
		t.Fatalf("%d records of %d, %v", len(records), n, err)
	}
	return records[:n]
}

func testRead(t *testing.T, w World) {
	for _, payload := range []string{"a0", "a1", "a2"} {
		w.Write(0, payload)
	}
	w.Write(1, "b0")
	// Partition 1 has no position: it is read from its beginning.
	records := read(t, w.Source, app.Positions{0: 1}, 3)
	next := app.Positions{0: 1, 1: 0}
	for _, r := range records {
		want := string('a'+r.Partition) + string(rune('0'+r.Offset))
		if r.Offset != next[r.Partition] || string(r.Payload) != want || r.Gone != 0 {
			t.Errorf("%+v: want offset %d, %s", r, next[r.Partition], want)
		}
		head, err := app.ReadBatchHead(r.Metadata, 1)
		if err != nil || head.Partition != r.Partition || head.Offset != r.Offset || head.Topic != app.TopicLogs {
			t.Errorf("its head is %+v, %v", head, err)
		}
		next[r.Partition]++
	}
}

func testFollow(t *testing.T, w World) {
	ends, err := w.Source.Ends(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for range 20 {
			w.Write(0, "x")
			w.Write(1, "y")
		}
	})
	read(t, w.Source, ends, 40)
	wait.Wait()
}

func testGone(t *testing.T, w World) {
	for range 5 {
		w.Write(0, "x")
	}
	w.Forget(0, 3)
	records := read(t, w.Source, app.Positions{0: 1, 1: 0}, 2)
	if records[0].Offset != 3 || records[0].Gone != 2 || records[1].Offset != 4 || records[1].Gone != 0 {
		t.Errorf("%+v", records)
	}
}

func testStop(t *testing.T, w World) {
	w.Write(0, "x")
	w.Write(0, "y")
	calls := 0
	err := w.Source.Read(t.Context(), app.Positions{0: 0, 1: 0}, func(app.TailRecord) error {
		calls++
		return context.DeadlineExceeded
	})
	if calls != 1 || err == nil {
		t.Errorf("%d calls, %v", calls, err)
	}
}
