package batching

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// WhenFull is what Publish does when the buffer has no room.
type WhenFull int

// What Publish does when the buffer has no room.
const (
	Block  WhenFull = iota // wait, first come first served
	Reject                 // return ErrFull at once
	Drop                   // return nil and count the loss: the caller does not learn of it
)

// Acknowledge is when Publish returns.
type Acknowledge int

// When Publish returns.
const (
	Flushed   Acknowledge = iota // when the next publisher took every unit of the call
	Buffered                     // at once: what is in memory is lost if the process dies
	Journaled                    // when the topic's Journal has it on disk
)

// Config configures a Publisher. Zero values take the defaults that stand
// beside them.
type Config struct {
	MaxMessages int           // units that seal a batch: 1000
	MaxDelay    time.Duration // age of the first unit that seals a batch: 5 s
	MaxBytes    int           // payload bytes that seal a batch: 900,000, below the 1 MB that Kafka takes

	BufferLimit int // units in memory, over all topics, those in flight included: 10,000
	BufferBytes int // payload bytes likewise: 64 MiB
	WhenFull    WhenFull
	Acknowledge Acknowledge

	// OpenJournal opens the journal of a topic, which the Publisher closes.
	// Needed with Journaled, and used with it alone. With it, BufferLimit and
	// BufferBytes bound what is in memory of the backlog, and the journal says
	// when it is full.
	OpenJournal func(topic string) (Journal, error)
	// JournaledTopics have journals that New opens, to flush what an earlier
	// life left in them. Others are opened with their first message.
	JournaledTopics []string

	// MaxTogether is how many batches the next publisher gets in one call, when
	// so many are due: 1. It must take them in order. What is too large is tried
	// in fewer, and for a while no more are. Pack is needed for more than 1.
	MaxTogether int

	// Count returns how many units a message stands for, 0 or more. An error
	// refuses the call. Nil: every message is one unit.
	Count func(*message.Message) (int, error)
	// Split cuts a message: head holds as many whole units as fit into both
	// limits, and headUnits says how many; tail holds the rest, nil when there
	// is none. It leaves msg as it is. headUnits is 0 when not even the first
	// unit fits. The same call must always cut alike. Nil: messages stay whole.
	Split func(msg *message.Message, maxUnits, maxBytes int) (head, tail *message.Message, headUnits int, err error)
	// Pack makes one message of a batch. The same batch must always give the
	// same payload. Nil: a batch is published as its messages, in one call.
	Pack func(Batch) (*message.Message, error)

	// RetryMin is the wait after the first failure (100 ms); it doubles with
	// each further one up to RetryMax (10 s). Half of each wait is random.
	RetryMin, RetryMax time.Duration
	// IsTooLarge tells errors of the next publisher that mean: the batch is
	// over its limit. Such a batch is halved and sent again. Nil: none is.
	IsTooLarge func(error) bool
	// IsPermanent tells errors of the next publisher that will not pass. Such a
	// batch is halved until the unit at fault stands alone. Nil: every error
	// may pass.
	IsPermanent func(error) bool
	// PoisonTopic is where a unit goes, through the next publisher, that can
	// never be sent, with the reason in its metadata. Empty: it is given up,
	// logged, and reported to the Observer and the caller who waits for it.
	PoisonTopic string

	// Mark adds to the metadata of a message that goes to the poison topic as
	// what is left of a batch, for a reason. Nil: the reason alone stands there.
	Mark func(Batch, *message.Message, error)

	// LastResort keeps units that the poison topic will not take either, for
	// the reason given, and whose caller was told that they were taken. Nil:
	// they are lost.
	LastResort func(batch Batch, reason error) error

	CloseTimeout time.Duration // how long Close may flush: 30 s
	Observer     Observer      // nil: nobody watches
	Logger       *slog.Logger  // nil: nothing is logged
}

func (c *Config) setDefaults() {
	orDefault(&c.MaxMessages, 1000)
	orDefault(&c.MaxDelay, 5*time.Second)
	orDefault(&c.MaxBytes, 900_000)
	orDefault(&c.BufferLimit, 10_000)
	orDefault(&c.BufferBytes, 64<<20)
	orDefault(&c.MaxTogether, 1)
	orDefault(&c.RetryMin, 100*time.Millisecond)
	orDefault(&c.RetryMax, 10*time.Second)
	orDefault(&c.CloseTimeout, 30*time.Second)
	if c.Count == nil {
		c.Count = func(*message.Message) (int, error) { return 1, nil }
	}
	never := func(error) bool { return false }
	if c.IsTooLarge == nil {
		c.IsTooLarge = never
	}
	if c.IsPermanent == nil {
		c.IsPermanent = never
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns what is wrong with the Config, each thing named, joined.
func (c Config) Validate() error {
	var wrong []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("batching: "+format, args...))
		}
	}
	check(c.MaxMessages > 0, "MaxMessages is %d: want 1 or more", c.MaxMessages)
	check(c.MaxDelay > 0, "MaxDelay is %v: want more than 0", c.MaxDelay)
	check(c.MaxBytes > 0, "MaxBytes is %d: want 1 or more", c.MaxBytes)
	check(c.BufferLimit >= c.MaxMessages, "BufferLimit is %d: want at least MaxMessages (%d)", c.BufferLimit, c.MaxMessages)
	check(c.BufferBytes >= c.MaxBytes, "BufferBytes is %d: want at least MaxBytes (%d)", c.BufferBytes, c.MaxBytes)
	check(c.WhenFull >= Block && c.WhenFull <= Drop, "WhenFull is %d: want Block, Reject or Drop", c.WhenFull)
	check(c.Acknowledge >= Flushed && c.Acknowledge <= Journaled, "Acknowledge is %d: want Flushed, Buffered or Journaled", c.Acknowledge)
	check(c.Acknowledge != Journaled || c.OpenJournal != nil, "OpenJournal is nil: Journaled needs it")
	check(c.MaxTogether == 1 || c.MaxTogether > 1 && c.Pack != nil, "MaxTogether is %d: want 1, or more with Pack", c.MaxTogether)
	check(c.RetryMin > 0 && c.RetryMin <= c.RetryMax, "RetryMin is %v and RetryMax %v: want 0 < RetryMin <= RetryMax", c.RetryMin, c.RetryMax)
	check(c.CloseTimeout > 0, "CloseTimeout is %v: want more than 0", c.CloseTimeout)
	return errors.Join(wrong...)
}
