package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// This file is what a life sees of the publisher from behind: it is the next
// one, and keeps the model's store.

var (
	errModelDown  = errors.New("down")
	errModelLarge = errors.New("too large")
	errModelBad   = errors.New("bad")
)

func packModel(b batching.Batch) (*message.Message, error) {
	var payload strings.Builder
	for _, m := range b.Messages {
		payload.Write(m.Payload)
	}
	msg := message.NewMessage("batch", []byte(payload.String()))
	msg.Metadata.Set("sequence", b.Sequence)
	msg.Metadata.Set("first", fmt.Sprint(b.First))
	return msg, nil
}

// Publish implements message.Publisher: it takes records, some of them, or
// none, and tells, or not.
func (l *life) Publish(topic string, msgs ...*message.Message) error {
	time.Sleep(l.upTo(time.Second))
	l.mu.Lock()
	fails, lostAnswer, some := l.random.Float64() < l.fails, l.random.IntN(2) == 0, l.random.IntN(len(msgs)+1)
	crash := l.random.Float64() < l.crashes
	l.mu.Unlock()
	if l.well {
		fails, crash = false, false
	}
	switch {
	case l.disk.isDead():
		return errModelDown
	case fails && !lostAnswer:
		return errModelDown
	}
	for i, msg := range msgs {
		if len(msg.Payload) > l.limit && topic != "poison" {
			return errModelLarge
		}
		if strings.Contains(string(msg.Payload), "!") && topic != "poison" {
			return errModelBad
		}
		if fails && l.partial && i >= some {
			return errModelDown
		}
		l.take(topic, msg)
	}
	if crash {
		l.disk.end()
	}
	if fails || crash {
		return errModelDown
	}
	return nil
}

// take stores a record, unless the ledger has it.
func (m *model) take(topic string, msg *message.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	units := strings.SplitAfter(strings.TrimSuffix(string(msg.Payload), ";"), ";")
	if topic == "poison" {
		for _, unit := range units {
			m.aside[strings.TrimSuffix(unit, ";")+";"] = true
		}
		m.number(msg, units)
		return
	}
	batch := msg.Metadata.Get("sequence") + "-" + msg.Metadata.Get("first")
	if before, ok := m.ledger[batch]; ok {
		if before != string(msg.Payload) {
			m.t.Errorf("batch %s came again with other units", batch)
		}
		m.tally.again++
		return
	}
	m.ledger[batch] = string(msg.Payload)
	for _, unit := range units {
		unit = strings.TrimSuffix(unit, ";") + ";"
		if in := m.stored[unit]; in != "" {
			m.t.Errorf("unit %.20s is stored in %s and came again in %s", unit, in, batch)
		}
		m.stored[unit] = batch
	}
	m.number(msg, units)
}

// number notes which numbers were taken, with the lock held.
func (m *model) number(msg *message.Message, units []string) {
	sequence := msg.Metadata.Get("sequence")
	first, err := strconv.Atoi(msg.Metadata.Get("first"))
	if err != nil {
		m.t.Error(err)
	}
	if m.numbers[sequence] == nil {
		m.numbers[sequence] = map[int]string{}
	}
	for i, unit := range units {
		unit = strings.TrimSuffix(unit, ";") + ";"
		if before, ok := m.numbers[sequence][first+i]; ok && before != unit {
			m.t.Errorf("number %d of %s is %.20s and %.20s", first+i, sequence, before, unit)
		}
		m.numbers[sequence][first+i] = unit
	}
}

// Close implements message.Publisher.
func (l *life) Close() error { return nil }

// The rest implements the observers.

func (l *life) Taken(string, int)    {}
func (l *life) Dropped(string, int)  {}
func (l *life) Rejected(string, int) {}

func (l *life) Flushed(b batching.Batch, _ time.Duration) {
	if b.Trigger == batching.BySplit {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.tally.halves++
	}
}

func (l *life) FlushFailed(batching.Batch, int, error) {}
func (l *life) Poisoned(string, error, bool)           {}
func (l *life) Wrote(int, int, float64)                {}
func (l *life) Synced(float64)                         {}
func (l *life) Failed(error)                           {}

func (l *life) Damaged(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.damages++
}
