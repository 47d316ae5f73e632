package batching

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Trigger is what sealed a batch.
type Trigger string

// What seals a batch.
const (
	BySize  Trigger = "size"  // MaxMessages units
	ByBytes Trigger = "bytes" // MaxBytes, or the next unit would exceed it
	ByDelay Trigger = "delay" // the first unit is MaxDelay old
	ByClose Trigger = "close" // the Publisher is closing
	BySplit Trigger = "split" // half of a batch that was refused as a whole
	ByCrash Trigger = "crash" // it was sealed, and not flushed, in an earlier life of the process
)

// Batch is a run of units of one topic.
type Batch struct {
	Topic    string
	Sequence string // whose numbers its units have; no two sequences have one name
	First    uint64 // number of the first unit, from 1
	Count    int    // units
	Bytes    int    // payload bytes before packing
	Messages []*message.Message
	OpenedAt time.Time // when its first unit was taken
	SealedAt time.Time
	Trigger  Trigger

	parts []part // one for each of Messages
}

// part is a message, or a cut of one, with the units it stands for and the
// call of Publish that waits for them.
type part struct {
	msg      *message.Message
	units    int
	taken    time.Time
	sequence string
	first    uint64 // number of its first unit
	call     *call
}

// follows tells whether the units of p have the numbers behind those of q.
func (p *part) follows(q *part) bool {
	return p.sequence == q.sequence && p.first == q.first+uint64(q.units)
}

func (p *part) bytes() int { return len(p.msg.Payload) }

// newBatch makes a batch of parts, each of which follows the one before.
func newBatch(topic string, trigger Trigger, sealedAt time.Time, parts []part) Batch {
	b := Batch{
		Topic: topic, Sequence: parts[0].sequence, First: parts[0].first, Trigger: trigger, SealedAt: sealedAt, OpenedAt: parts[0].taken,
		parts: parts, Messages: make([]*message.Message, len(parts)),
	}
	for i, p := range parts {
		b.Messages[i] = p.msg
		b.Count += p.units
		b.Bytes += p.bytes()
	}
	return b
}

// Observer is told what happens, for metrics. Its methods are called from many
// goroutines, some with locks held: they must be quick and must not call the
// Publisher.
type Observer interface {
	Taken(topic string, units int)
	Dropped(topic string, units int)
	Rejected(topic string, units int)
	// Flushed is called for each batch that the next publisher took, with how
	// long that took, retries included.
	Flushed(batch Batch, took time.Duration)
	// FlushFailed is called for each try that failed; attempt is from 1.
	FlushFailed(batch Batch, attempt int, err error)
	// Poisoned is called for each unit that can never be sent. lost tells
	// that it could not be put on the poison topic either.
	Poisoned(topic string, reason error, lost bool)
}

type nobody struct{}

func (nobody) Taken(string, int)             {}
func (nobody) Dropped(string, int)           {}
func (nobody) Rejected(string, int)          {}
func (nobody) Flushed(Batch, time.Duration)  {}
func (nobody) FlushFailed(Batch, int, error) {}
func (nobody) Poisoned(string, error, bool)  {}

// Stats is what a Publisher holds.
type Stats struct {
	Units     int // taken and not yet flushed
	Bytes     int // payload bytes of these
	Remaining int // units that still fit
}

// call is one call of Publish, which ends when all its units did.
type call struct {
	open int // units without an end; guarded by Publisher.mu
	err  error
	done chan struct{} // closed at the end; nil when nobody waits
}

// settle ends units of a call, with the lock held.
func (c *call) settle(units int, err error) {
	if c == nil {
		return
	}
	if err != nil && c.err == nil {
		c.err = err
	}
	if c.open -= units; c.open == 0 {
		close(c.done)
	}
}
