package batching_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// This file is what a world sees of the Publisher from behind.

// pack puts units, and their numbers, into one message.
func (w *world) pack(b batching.Batch) (*message.Message, error) {
	var payload strings.Builder
	for _, m := range b.Messages {
		payload.Write(m.Payload)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if units := strings.Count(payload.String(), ";"); units != b.Count || units == 0 || payload.Len() != b.Bytes {
		w.t.Errorf("a batch of %d units and %d bytes says it has %d and %d", units, payload.Len(), b.Count, b.Bytes)
	}
	alone := b.Count == 1 || (len(b.Messages) == 1 && w.cfg.Split == nil)
	if (b.Count > w.cfg.MaxMessages || b.Bytes > w.cfg.MaxBytes) && !alone {
		w.t.Errorf("a batch of %d units and %d bytes, with limits of %d and %d", b.Count, b.Bytes, w.cfg.MaxMessages, w.cfg.MaxBytes)
	}
	packed := msg(payload.String())
	packed.Metadata.Set("first", fmt.Sprint(b.First))
	return packed, nil
}

// Publish is the next publisher's.
func (w *world) Publish(topic string, msgs ...*message.Message) error {
	w.mu.Lock()
	slow, fails, panics := time.Duration(w.random.Int64N(int64(w.slow))), w.random.Float64() < w.fails, w.random.IntN(4) == 0
	w.mu.Unlock()
	time.Sleep(slow)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		w.t.Error("published after Close")
	}
	now := time.Since(w.start)
	switch {
	case fails && panics:
		panic(errDown)
	case fails, now > w.outage[0] && now < w.outage[0]+w.outage[1]:
		return errDown
	case topic == "poison" && w.asideBad:
		return errBad
	case topic == "poison":
		for _, m := range msgs {
			w.arrive(w.aside, m)
		}
		return nil
	case len(msgs) == 0 || len(msgs) > max(1, w.cfg.MaxTogether):
		w.t.Errorf("%d batches at once, with a limit of %d", len(msgs), w.cfg.MaxTogether)
	case slices.ContainsFunc(msgs, func(m *message.Message) bool { return len(m.Payload) > w.limit }):
		return errLarge
	case slices.ContainsFunc(msgs, func(m *message.Message) bool { return strings.Contains(string(m.Payload), "!") }):
		return errBad
	}
	w.sum.together += len(msgs) - 1
	for _, m := range msgs {
		w.take(topic, m)
	}
	return nil
}

// take looks at what is handed on, with the lock held.
func (w *world) take(topic string, m *message.Message) {
	w.number(topic, m)
	for _, unit := range w.arrive(w.handed, m) {
		part := strings.Split(unit, ".")
		number, _ := strconv.Atoi(part[1])
		line := topic + " " + part[0]
		if number <= w.last[line] {
			w.t.Errorf("%s: unit %d comes after %d", line, number, w.last[line])
		}
		w.last[line] = number
	}
}

// number checks that batches follow one another, with the lock held. What is
// between them was poisoned: check counts it.
func (w *world) number(topic string, m *message.Message) {
	first, _ := strconv.ParseUint(m.Metadata.Get("first"), 10, 64)
	if first <= w.next[topic] {
		w.t.Errorf("%s: unit number %d comes after %d", topic, first, w.next[topic])
	}
	w.next[topic] = first - 1 + uint64(strings.Count(string(m.Payload), ";"))
	if w.next[topic] > uint64(w.taken[topic]) {
		w.t.Errorf("%s: unit number %d of %d", topic, w.next[topic], w.taken[topic])
	}
}

// arrive adds the units of a message to those that came, with the lock held.
func (w *world) arrive(to map[string]bool, m *message.Message) []string {
	units := strings.Split(strings.TrimSuffix(string(m.Payload), ";"), ";")
	for _, unit := range units {
		if w.handed[unit] || w.aside[unit] {
			w.t.Errorf("unit %s came twice", unit)
		}
		to[unit] = true
	}
	return units
}

// Close is the next publisher's.
func (w *world) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		w.t.Error("closed twice")
	}
	w.closed = true
	return nil
}

func (w *world) count(n *int, units int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*n += units
}

func (w *world) Taken(topic string, units int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken[topic] += units
}

func (w *world) Dropped(_ string, units int)  { w.count(&w.sum.dropped, units) }
func (w *world) Rejected(_ string, units int) { w.count(&w.sum.rejected, units) }

func (w *world) Flushed(b batching.Batch, _ time.Duration) {
	w.count(&w.sum.handed, b.Count)
	if b.Trigger == batching.BySplit {
		w.count(&w.sum.halves, 1)
	}
}

func (w *world) FlushFailed(batching.Batch, int, error) {}

func (w *world) Poisoned(_ string, _ error, lost bool) {
	if lost {
		w.count(&w.sum.lost, 1)
	} else {
		w.count(&w.sum.aside, 1)
	}
}

var leftByTopic = regexp.MustCompile(`t\d:(\d+)`)

// check does the accounts once everything came to its end.
func (w *world) check(closeErr error) {
	if closeErr != nil {
		if !errors.Is(closeErr, batching.ErrNotFlushed) {
			w.t.Errorf("Close: %v", closeErr)
		}
		for _, found := range leftByTopic.FindAllStringSubmatch(closeErr.Error(), -1) {
			units, _ := strconv.Atoi(found[1])
			w.sum.left += units
		}
	}
	wantEmpty(w.t, w.p)
	if len(w.handed) != w.sum.handed || len(w.aside) != w.sum.aside {
		w.t.Errorf("%d units were handed on and %d put aside; the Observer was told of %d and %d", len(w.handed), len(w.aside), w.sum.handed, w.sum.aside)
	}
	taken := 0
	for _, units := range w.taken {
		taken += units
	}
	if ended := w.sum.handed + w.sum.aside + w.sum.lost + w.sum.left; ended != taken {
		w.t.Errorf("%d units were taken, and %d came to an end: %+v", taken, ended, w.sum)
	}
	absent := 0
	for _, unit := range slices.Concat(w.accepted...) {
		if !w.handed[unit] && !w.aside[unit] {
			absent++
		}
	}
	// Not equal: some of these may be of calls whose caller got an error.
	if absent > w.sum.dropped+w.sum.lost+w.sum.left {
		w.t.Errorf("%d units of calls that returned nil are missing, and only these were told of: %+v", absent, w.sum)
	}
	came := maps.Clone(w.handed)
	maps.Copy(came, w.aside)
	for _, unit := range slices.Concat(w.refused...) {
		if came[unit] {
			w.t.Errorf("unit %s of a call that took nothing came", unit)
		}
	}
}
