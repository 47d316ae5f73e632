package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"millrace/app"
	"millrace/app/kafka/sourcetest"
)

// lineCodec reads batches that are lines, each a log's message.
type lineCodec struct{}

func (lineCodec) Count(payload []byte) (int, error) {
	if len(payload) == 0 {
		return 0, app.Errorf(app.KindInvalid, "no batch")
	}
	return bytes.Count(payload, []byte("\n")) + 1, nil
}

func (lineCodec) Logs(payload []byte, received time.Time) app.LogSeq {
	return func(yield func(*app.Log, error) bool) {
		var log app.Log // one for all, as the real codec has it
		for line := range strings.SplitSeq(string(payload), "\n") {
			log = app.Log{Message: line, Time: received}
			if !yield(&log, nil) {
				return
			}
		}
	}
}

type tailWorld struct {
	t      *testing.T
	source *sourcetest.Memory
	hub    *app.TailHub
}

// inTailWorld runs a test in a bubble of time.
func inTailWorld(t *testing.T, cfg app.TailConfig, test func(w *tailWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &tailWorld{t: t, source: sourcetest.NewMemory(2)}
		w.hub = app.NewTailHub(w.source, lineCodec{}, cfg)
		test(w)
		synctest.Wait()
		if w.hub.Tails() == 0 && w.source.Reads() != 0 {
			t.Errorf("nobody follows, and %d readers run", w.source.Reads())
		}
		if err := w.hub.Close(); err != nil {
			t.Error(err)
		}
	})
}

func all(*app.Log) bool { return true }

func containing(text string) func(*app.Log) bool {
	return func(log *app.Log) bool { return strings.Contains(log.Message, text) }
}

func (w *tailWorld) open(matches func(*app.Log) bool, place string) *app.Tail {
	w.t.Helper()
	var from app.TailPlace
	if place != "" {
		var err error
		if from, err = app.ParseTailPlace(place, "Last-Event-ID"); err != nil {
			w.t.Fatal(err)
		}
	}
	tail, err := w.hub.Open(w.t.Context(), matches, from)
	if err != nil {
		w.t.Fatal(err)
	}
	return tail
}

func (w *tailWorld) write(partition int32, lines ...string) {
	w.source.Write(partition, []byte(strings.Join(lines, "\n")))
}

// take returns what there is to tell, once all is quiet, and the last place.
func (w *tailWorld) take(tail *app.Tail) (told []string, place string) {
	w.t.Helper()
	for {
		synctest.Wait()
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Nanosecond)
		events, err := tail.Next(ctx, 3)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return told, place
		}
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range events {
			place = e.Place
			switch {
			case e.Log != nil:
				told = append(told, e.Log.Message)
			case e.Missed > 0:
				told = append(told, fmt.Sprintf("missed %d", e.Missed))
			default:
				told = append(told, fmt.Sprintf("gone %d", e.Gone))
			}
		}
	}
}

func (w *tailWorld) expect(tail *app.Tail, want ...string) (place string) {
	w.t.Helper()
	told, place := w.take(tail)
	if !slices.Equal(told, want) {
		w.t.Fatalf("told %q, want %q", told, want)
	}
	return place
}

func TestATailTellsWhatComes(t *testing.T) {
	inTailWorld(t, app.TailConfig{}, func(w *tailWorld) {
		w.write(0, "before")
		everything, some := w.open(all, ""), w.open(containing("b"), "")
		w.expect(everything)
		w.write(0, "a", "b")
		w.write(1, "ab")
		w.source.Write(1, nil) // no batch
		w.write(1, "c")
		told, _ := w.take(everything)
		slices.Sort(told)
		if !slices.Equal(told, []string{"a", "ab", "b", "c"}) {
			w.t.Errorf("told %q", told)
		}
		w.expect(some, "b", "ab")
		if n := w.source.Reads(); n != 1 {
			w.t.Errorf("%d readers for two tails", n)
		}
		some.Close()
		everything.Close()
		later := w.open(all, "")
		w.expect(later)
		later.Close()
	})
}

// From whatever event a tail goes on, it tells all that came after it and
// nothing twice, whether or not others follow meanwhile.
func TestATailResumesBehindAnyEvent(t *testing.T) {
	inTailWorld(t, app.TailConfig{}, func(w *tailWorld) {
		first := w.open(containing("x"), "")
		places := []string{first.Place()}
		var wanted []string
		note := func() {
			synctest.Wait()
			for {
				ctx, cancel := context.WithTimeout(w.t.Context(), time.Nanosecond)
				events, err := first.Next(ctx, 1)
				cancel()
				if err != nil {
					return
				}
				wanted, places = append(wanted, events[0].Log.Message), append(places, events[0].Place)
			}
		}
		for i := range 20 {
			w.write(int32(i%2), fmt.Sprintf("x%d.0", i), "other", fmt.Sprintf("x%d.2", i), "other")
			if i%3 == 0 {
				w.write(int32(i%2), "other")
			}
			note()
		}
		last := first.Place() // behind what did not match, too
		for i, place := range places {
			if i == 10 {
				first.Close() // from here on nobody else follows
			}
			again := w.open(containing("x"), place)
			got, _ := w.take(again)
			slices.Sort(got)
			want := slices.Sorted(slices.Values(wanted[i:]))
			if !slices.Equal(got, want) {
				w.t.Fatalf("from event %d: told %q, want %q", i, got, want)
			}
			w.write(0, "x, live")
			w.expect(again, "x, live")
			again.Close()
			wanted = append(wanted, "x, live")
		}
		again := w.open(containing("x"), last)
		if got, _ := w.take(again); len(got) != len(places) { // those above
			w.t.Errorf("from the last place: told %q", got)
		}
		again.Close()
	})
}

// A reader that is too slow learns how much it missed, in the place where it
// did, and the others are not held up.
func TestASlowReaderIsToldWhatItMissed(t *testing.T) {
	count := &tailCount{}
	inTailWorld(t, app.TailConfig{Buffer: 4, MaxTails: 2, Observer: count}, func(w *tailWorld) {
		slow, quick := w.open(containing("x"), ""), w.open(all, "")
		for i := range 4 {
			w.write(0, fmt.Sprintf("x%d", i), "other")
			w.expect(quick, fmt.Sprintf("x%d", i), "other")
		}
		for range 3 {
			w.write(0, "x, too many", "other")
			w.expect(quick, "x, too many", "other")
		}
		w.expect(slow, "x0", "x1", "x2", "x3", "missed 3")
		w.write(0, "x again")
		place := w.expect(slow, "x again")
		slow.Close()
		w.expect(quick, "x again")

		// What was missed is behind the place of what came after it.
		again := w.open(containing("x"), place)
		w.expect(again)
		if _, err := w.hub.Open(w.t.Context(), all, app.TailPlace{}); app.KindOf(err) != app.KindTooMany {
			w.t.Errorf("a third: %v", err)
		}
		again.Close()
		quick.Close()
	})
	if want := (tailCount{told: 4 + 1 + 8 + 6 + 1, missed: 3, refused: 1}); *count != want {
		t.Errorf("it was told %+v, want %+v", *count, want)
	}
}

// tailCount is an app.TailObserver for one goroutine at a time.
type tailCount struct {
	told, refused int
	missed, gone  int64
}

func (c *tailCount) Told(logs int)      { c.told += logs }
func (c *tailCount) Missed(logs int64)  { c.missed += logs }
func (c *tailCount) Gone(batches int64) { c.gone += batches }
func (c *tailCount) Refused()           { c.refused++ }

// One that catches up is not hurried: it misses nothing.
func TestATailThatResumesMissesNothingHoweverSlow(t *testing.T) {
	inTailWorld(t, app.TailConfig{Buffer: 2}, func(w *tailWorld) {
		first := w.open(all, "")
		place := first.Place()
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprint(i))
			w.write(0, want[i])
		}
		first.Close()
		tail := w.open(all, place)
		w.expect(tail, want...)
		tail.Close()
	})
}

func TestAResumedTailIsToldWhatKafkaKeepsNoMore(t *testing.T) {
	inTailWorld(t, app.TailConfig{}, func(w *tailWorld) {
		first := w.open(all, "")
		place := first.Place()
		for i := range 5 {
			w.write(0, fmt.Sprint(i))
		}
		first.Close()
		w.source.Forget(0, 3)
		tail := w.open(all, place)
		w.expect(tail, "gone 3", "3", "4")
		tail.Close()
	})
	// A topic that was deleted and made anew is read from its beginning.
	inTailWorld(t, app.TailConfig{}, func(w *tailWorld) {
		w.write(0, "new")
		tail := w.open(all, app.TailPlace{Positions: app.Positions{0: 1000, 1: 0}, Partition: 0, Seen: 3}.String())
		w.expect(tail, "new")
		w.write(0, "newer")
		w.expect(tail, "newer")
		tail.Close()
	})
}

// A Kafka that goes away is a silence to those who follow.
func TestATailOutlivesItsSource(t *testing.T) {
	inTailWorld(t, app.TailConfig{}, func(w *tailWorld) {
		tail := w.open(all, "")
		w.write(0, "a")
		w.expect(tail, "a")
		w.source.Fail(errors.New("away"))
		w.write(0, "b")
		w.expect(tail)
		if _, err := w.hub.Open(w.t.Context(), all, app.TailPlace{Positions: app.Positions{0: 0}}); err == nil {
			w.t.Error("a tail resumes without a source")
		}
		w.source.Fail(nil)
		time.Sleep(2 * time.Second)
		w.expect(tail, "b")
		tail.Close()
		w.source.Fail(errors.New("away"))
		if _, err := w.hub.Open(w.t.Context(), all, app.TailPlace{}); err == nil {
			w.t.Error("a tail begins without a source")
		}
	})
}

func TestTailsAreBounded(t *testing.T) {
	inTailWorld(t, app.TailConfig{MaxTails: 2}, func(w *tailWorld) {
		one, two := w.open(all, ""), w.open(all, "")
		if _, err := w.hub.Open(w.t.Context(), all, app.TailPlace{}); app.KindOf(err) != app.KindTooMany {
			w.t.Errorf("a third: %v", err)
		}
		one.Close()
		three := w.open(all, "")
		if err := w.hub.Close(); err != nil {
			w.t.Error(err)
		}
		for _, tail := range []*app.Tail{two, three} {
			if _, err := tail.Next(w.t.Context(), 1); !errors.Is(err, app.ErrTailsClosed) {
				w.t.Errorf("after Close: %v", err)
			}
			tail.Close()
		}
		if _, err := w.hub.Open(w.t.Context(), all, app.TailPlace{}); !errors.Is(err, app.ErrTailsClosed) {
			w.t.Errorf("a tail of a closed hub: %v", err)
		}
	})
}

// A tail that begins while the only other one ends has a reader all the same.
func TestATailThatBeginsWhileTheLastEnds(t *testing.T) {
	inTailWorld(t, app.TailConfig{}, func(w *tailWorld) {
		last := w.open(all, "")
		for i := range 10_000 {
			var leaving sync.WaitGroup
			leaving.Go(last.Close)
			last = w.open(all, "")
			leaving.Wait()
			synctest.Wait()
			if w.source.Reads() != 1 {
				w.t.Fatalf("the %dth: %d readers run", i, w.source.Reads())
			}
		}
		w.write(0, "a")
		w.expect(last, "a")
		last.Close()
	})
}

func FuzzParseTailPlace(f *testing.F) {
	for _, p := range []app.TailPlace{
		{}, {Positions: app.Positions{0: 7}}, {Positions: app.Positions{0: 7, 3: 1 << 40}, Partition: 3, Seen: 999},
	} {
		f.Add(p.String())
	}
	f.Add("!")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := app.ParseTailPlace(text, "last_event_id")
		if err != nil {
			var wrong *app.Error
			if !errors.As(err, &wrong) || wrong.Kind != app.KindInvalid || wrong.Field != "last_event_id" {
				t.Fatal(err)
			}
			return
		}
		if p.String() != text {
			t.Fatalf("%q is read as %v, which is written %q", text, p, p)
		}
		for partition, offset := range p.Positions {
			if partition < 0 || offset < 0 {
				t.Fatalf("%v", p)
			}
		}
	})
}
